import { BlackstartError } from "../../../base/error.ts";
import { createLab } from "../../../lab/create.ts";
import type { Lab, PatroniTimes } from "../../../lab/lab.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { durationText } from "../../output/quantities.ts";
import { labsFolder } from "../../system-file.ts";
import { type ConfigurationOptions, pacemakerConfiguration } from "./pacemaker-configuration.ts";

export type UpOptions = ConfigurationOptions &
  Readonly<{
    patroniTimes?: string;
    sync: string;
    async: string;
    proxied?: boolean;
    durable: boolean;
    binaries?: string;
    lab?: string;
  }>;

const standbysMax = 8;

export async function upCommand(context: CommandContext, options: UpOptions, name?: string): Promise<Outcome> {
  const standbys = [
    ...Array<"synchronous">(count("--sync", options.sync)).fill("synchronous"),
    ...Array<"asynchronous">(count("--async", options.async)).fill("asynchronous"),
  ];
  const wanted = name ?? options.lab;
  const pacemaker = await pacemakerConfiguration(options);
  context.out.progress("Making a cluster …");
  const started = performance.now();
  const lab = await createLab({
    home: labsFolder(context.home),
    manager: options.manager,
    standbys,
    durable: options.durable,
    ...(wanted === undefined ? {} : { name: wanted }),
    ...patroniTimes(options),
    ...(options.proxied ? { proxied: true } : {}),
    ...(pacemaker === undefined ? {} : { pacemaker }),
    ...(options.binaries === undefined ? {} : { binaries: options.binaries }),
  });
  const tookMs = Math.round(performance.now() - started);
  const clientUrl = await lab.clientUrl();
  tell(context, lab, tookMs, clientUrl);
  const nodes = lab.nodes.map(({ name: node, role, url, port, dataDirectory }) => ({
    name: node,
    role,
    url,
    port,
    dataDirectory,
  }));
  const { directory, systemFile, manager, notes } = lab;
  const addressFile = manager === "streaming" ? lab.addressFile : null;
  const known = { manager, tookMs, directory, systemFile, addressFile, clientUrl: clientUrl ?? null };
  return { result: { lab: lab.name, ...known, nodes, ...notes } };
}

function tell({ out }: CommandContext, lab: Lab, tookMs: number, clientUrl: string | undefined): void {
  const { style } = out;
  const { replacements, inside } = lab.notes;
  if (replacements.length > 0) {
    out.text("What could not stay as it was given:");
    out.table(
      replacements.map(({ where, was, is, why }) => [`  ${where}`, was ?? "(not given)", is ?? "(left out)", why]),
      ["  where", "was", "is", "because"],
    );
    out.text("");
  }
  out.text(`The lab ${style.bold(lab.name)} is up, after ${durationText(tookMs)}. It outlives this terminal.`, "");
  out.table(
    lab.nodes.map(({ name, role, url }) => [`  ${name}`, role, url]),
    ["  node", "role", "connect with psql"],
  );
  const ways = Object.entries(inside);
  if (ways.length > 0) out.text("");
  out.table(
    ways.map(([node, command]) => [`  ${node}`, command]),
    ["  node", "a shell on its machine"],
  );
  out.text(
    "",
    `system file   ${lab.systemFile}`,
    ...(lab.manager === "streaming"
      ? [`address file  ${lab.addressFile}`, "              (where the primary is; clients read it)"]
      : [
          `clients       ${clientUrl ?? "are led nowhere now"}`,
          `              (now: ${lab.manager} fails over, and tells them)`,
        ]),
    "",
    style.bold("To try next"),
    "  blackstart status              how it stands",
    "  blackstart up                  watch it (in another terminal)",
    "  blackstart lab break           the faults, of which kill-primary is the first",
    "",
    `To be rid of it: blackstart lab down ${lab.name}`,
  );
}

/** Whether they go together is for the lab to say. */
function patroniTimes({ manager, patroniTimes: text }: UpOptions): Readonly<{ patroni?: PatroniTimes }> {
  if (text === undefined) return {};
  const [ttl, loopWait, retryTimeout, ...more] = text.split("/").map(Number);
  if (manager === "patroni" && ttl && loopWait && retryTimeout && more.length === 0)
    return { patroni: { ttl, loopWait, retryTimeout } };
  throw new BlackstartError("USAGE", {
    what: `--patroni-times ${text} says nothing to this lab.`,
    why: "It names ttl, loop_wait and retry_timeout of a Patroni, in seconds, with a slash between them.",
    next: "For example: --manager patroni --patroni-times 20/1/3",
  });
}

function count(option: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= standbysMax) return number;
  throw new BlackstartError("USAGE", {
    what: `${option} ${text} is no number of standbys.`,
    why: `A lab has 0 to ${standbysMax} of a kind.`,
    next: `For example: ${option} 1`,
  });
}

import { BlackstartError } from "../../../base/error.ts";
import { createLab } from "../../../lab/create.ts";
import type { Lab, ManagerName, PatroniTimes } from "../../../lab/lab.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { durationText } from "../../output/quantities.ts";
import { labsFolder } from "../../system-file.ts";

export type UpOptions = Readonly<{
  manager: ManagerName;
  patroniTimes?: string;
  sync: string;
  async: string;
  proxied?: boolean;
  disks?: boolean;
  archive?: boolean;
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
    ...(options.disks ? { disks: true } : {}),
    ...(options.archive ? { archive: true } : {}),
    ...(options.binaries === undefined ? {} : { binaries: options.binaries }),
  });
  const tookMs = Math.round(performance.now() - started);
  tell(context, lab, tookMs);
  const nodes = lab.nodes.map(({ name: node, role, url, port, dataDirectory }) => ({
    name: node,
    role,
    url,
    port,
    dataDirectory,
  }));
  const { directory, systemFile, manager } = lab;
  const addressFile = manager === "streaming" ? lab.addressFile : null;
  return { result: { lab: lab.name, manager, tookMs, directory, systemFile, addressFile, nodes } };
}

function tell({ out }: CommandContext, lab: Lab, tookMs: number): void {
  const { style } = out;
  out.text(`The lab ${style.bold(lab.name)} is up, after ${durationText(tookMs)}. It outlives this terminal.`, "");
  out.table(
    lab.nodes.map(({ name, role, url }) => [`  ${name}`, role, url]),
    ["  node", "role", "connect with psql"],
  );
  out.text(
    "",
    `system file   ${lab.systemFile}`,
    ...(lab.manager === "streaming"
      ? [`address file  ${lab.addressFile}`, "              (where the primary is; clients read it)"]
      : [`failover      ${lab.manager} does it, and tells the clients: blackstart lab status`]),
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

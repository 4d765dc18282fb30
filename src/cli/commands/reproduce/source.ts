import { readFile, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { systemClock } from "../../../base/time.ts";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { cibOfShellText } from "../../../drivers/pacemaker/shell-text.ts";
import { captureCluster } from "../../../reproduce/capture/capture.ts";
import { readCapture } from "../../../reproduce/capture/file.ts";
import { captureOfCib } from "../../../reproduce/capture/of-cib.ts";
import type { Capture } from "../../../reproduce/capture/schema.ts";
import { loadSystem } from "../../../system/load.ts";
import { clusterNamed } from "../../../system/names.ts";
import type { System } from "../../../system/schema.ts";
import type { CommandContext } from "../../context.ts";
import { labsFolder } from "../../system-file.ts";

/** One side of a comparison, and how it is called in it. */
export type Side = Readonly<{ label: string; capture: Capture }>;

const fileBytesMax = 16 * 1024 * 1024;

/** Asks a running cluster. @param named `ledger` or `payments/ledger`; may be left out where there is only one */
export async function captureLive(
  { out, environment, home }: CommandContext,
  system: System,
  named: string | undefined,
): Promise<Capture> {
  const prefix = `${system.system}/`;
  const cluster = clusterNamed(system, named?.startsWith(prefix) ? named.slice(prefix.length) : named);
  out.progress(`Asking ${system.system}/${cluster} …`);
  const { PGPASSWORD } = environment;
  const secrets = PGPASSWORD ? { secrets: [PGPASSWORD] } : {};
  const capture = await captureCluster({ system, cluster, clock: systemClock, ...secrets });
  const cib = await cibOfLab(system, labsFolder(home));
  if (cib === undefined) return capture;
  const { pacemaker } = captureOfCib(cib, `the lab ${system.system}`);
  const missing = capture.missing.filter(({ what }) => !/\(cibadmin\)/.test(what));
  return { ...capture, missing, ...(pacemaker === undefined ? {} : { pacemaker }) };
}

/** The hosts of a Pacemaker lab are no hosts of this machine's Pacemaker: the lab knows the way to them. */
async function cibOfLab(system: System, home: string): Promise<string | undefined> {
  const { labOf, recordsIn } = await import("../../../lab/open.ts");
  const record = recordsIn(home).find(({ name, manager }) => name === system.system && manager.kind === "pacemaker");
  const data = Object.values(system.clusters).flatMap(({ nodes }) => Object.values(nodes).map((node) => node.data));
  if (record === undefined || !record.nodes.every(({ dataDirectory }) => data.includes(dataDirectory)))
    return undefined;
  return labOf(record).configuration();
}

/**
 * What a person named: a file (a capture, a CIB, a text of crm, a system file), `lab:<name>`, a cluster of the system
 * file; nothing is the system that is meant by `--lab` and `--file`, as in every command.
 */
export async function sideOf(context: CommandContext, named: string | undefined): Promise<Side> {
  if (named === undefined) return live(context, await context.system(), undefined);
  if (named.startsWith("lab:")) {
    const { openLab } = await import("../../../lab/open.ts");
    const lab = await openLab(named.slice("lab:".length), labsFolder(context.home));
    return live(context, await loadSystem(lab.systemFile, context.environment), undefined);
  }
  const path = resolve(named);
  if (await isThere(path)) {
    const text = await textOf(path, named);
    // A system file stands for the cluster that it describes, as it runs now.
    if (/^clusters:/m.test(text)) return live(context, await loadSystem(path, context.environment), undefined);
    return { label: basename(path), capture: await captureIn(text, named) };
  }
  if (/[./]\w+$/.test(named) && !named.includes("/")) throw nothing(named);
  try {
    return await live(context, await context.system(), named);
  } catch (error) {
    const isUnknown = error instanceof BlackstartError && ["UNKNOWN_NAME", "SYSTEM_FILE_MISSING"].includes(error.code);
    throw isUnknown ? nothing(named) : error;
  }
}

async function live(context: CommandContext, system: System, named: string | undefined): Promise<Side> {
  const capture = await captureLive(context, system, named);
  return { label: `${capture.system}/${capture.cluster}`, capture };
}

async function textOf(path: string, named: string): Promise<string> {
  return readFile(path, "utf8").catch((error) => {
    throw new BlackstartError("INPUT_INVALID", {
      what: `${named} cannot be read.`,
      why: messageOf(error),
      next: "Name a file that this user may read.",
    });
  });
}

/** By what the text begins with: a CIB, a capture as JSON or YAML, else what crm prints. */
async function captureIn(text: string, named: string): Promise<Capture> {
  const start = text.trimStart();
  if (start.startsWith("<")) return captureOfCib(text, named);
  if (start.startsWith("{") || /^(blackstart|format|capturedAt):/m.test(text)) return readCapture(text, named);
  return captureOfCib(await cibOfShellText(text, named), named);
}

async function isThere(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined /* then it is the name of something else */);
  if (found !== undefined && found.size > fileBytesMax)
    throw new BlackstartError("INPUT_INVALID", {
      what: `${path} is larger than ${fileBytesMax / 1024 / 1024} MiB.`,
      why: "No capture and no CIB is.",
      next: "Name another file.",
    });
  return found !== undefined && !found.isDirectory();
}

function nothing(named: string): BlackstartError {
  return new BlackstartError("UNKNOWN_NAME", {
    what: `There is no file and no cluster “${named}”.`,
    why: "One side of a comparison is a file (a capture, a CIB, a text of crm), `lab:<name>`, or a cluster of the system file.",
    next: "Have a capture written: blackstart reproduce capture --into production.yaml",
    details: { name: named },
  });
}

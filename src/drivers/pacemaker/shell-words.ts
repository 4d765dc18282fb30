import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { localHost } from "../host/local.ts";

/** Pacemaker's own programs; what begins with anything else is for `crm`. */
const programs = /^(cibadmin|crm|crm_attribute|crm_node|crm_resource)\s/;

/**
 * What is said to Pacemaker, as a command line for sh: `crm` is the one that is meant where none is named. `-F`: what crm
 * only warns of is no reason to ask somebody.
 */
export function commandLineOf(words: string): string {
  const line = words.trim();
  return programs.test(line) ? line.replace(/^crm\s/, "crm -F ") : `crm -F ${line}`;
}

/**
 * The CIB after `crm` (or one of Pacemaker's own programs) was told something about it, in a file of its own: no cluster is touched. What needs a cluster that
 * lives (a cleanup, a node's power) changes nothing there.
 * @param words as they follow `crm` on a command line: `configure delete vip-with-primary`, `resource move vip pg3`
 * @returns undefined where `crm` refuses it, or the configuration is the same afterwards
 * @throws PACEMAKER_NOT_FOUND where `crm` is not installed
 */
export async function cibAfterWords(text: string, words: string, signal?: AbortSignal): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-crm-"));
  try {
    const file = join(folder, "cib.xml");
    await writeFile(file, text);
    const script = `export CIB_file="$1" TERM=dumb; exec ${commandLineOf(words)} 2>&1`;
    const { code } = await localHost().run({ script, args: [file], timeoutMs, signal });
    if (code === 127) throw notInstalled(commandLineOf(words).split(" ", 1)[0] ?? "crm");
    const after = await readFile(file, "utf8");
    return code === 0 && configurationIn(after) !== configurationIn(text) ? after : undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const timeoutMs = 60_000;

/** Without the numbers that count its changes; those stand in the first element. Blanks are nobody's configuration. */
function configurationIn(text: string): string {
  const from = text.indexOf("<configuration");
  return text.slice(from, text.indexOf("</configuration>", from)).replaceAll(/>\s+</g, "><");
}

function notInstalled(program: string): BlackstartError {
  return new BlackstartError("PACEMAKER_NOT_FOUND", {
    what: `${program} is not installed.`,
    why: "What the scenario says to Pacemaker is for it.",
    next: "Install it: apt-get install crmsh pacemaker-cli-utils",
  });
}

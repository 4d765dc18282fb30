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
 * The CIB after `crm` (or one of Pacemaker's own programs) was told something about it, in a file of its own. Only what is
 * known to change a CIB, and nothing else, is said at all: `CIB_file` keeps these words from a cluster, but `crm cluster stop`
 * would reach this machine's own, and others by ssh.
 * @param words as they follow `crm` on a command line: `configure delete vip-with-primary`, `resource move vip pg3`
 * @returns undefined where it is no such word, is refused, or the configuration is the same afterwards
 * @throws PACEMAKER_NOT_FOUND where the program is not installed
 */
export async function cibAfterWords(text: string, words: string, signal?: AbortSignal): Promise<string | undefined> {
  const [program = "", ...args] = argumentsOf(commandLineOf(words)) ?? [];
  if (!changesOnlyTheCib(program, args)) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "blackstart-crm-"));
  try {
    const file = join(folder, "cib.xml");
    await writeFile(file, text);
    const script = 'export CIB_file="$1" TERM=dumb; shift; exec "$@" 2>&1';
    const { code } = await localHost().run({ script, args: [file, program, ...args], timeoutMs, signal });
    if (code === 127) throw notInstalled(program);
    const after = await readFile(file, "utf8");
    return code === 0 && configurationIn(after) !== configurationIn(text) ? after : undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const timeoutMs = 60_000;

/** As sh would take them apart; undefined where sh would do more than that. */
function argumentsOf(line: string): readonly string[] | undefined {
  const pieces = line.match(/'[^']*'|[\w@%+=:,./#-]+|\s+|./gs) ?? [];
  const parts = pieces.filter((piece) => piece.trim() !== "");
  const isPlain = parts.every((part) => /^('[^']*'|[\w@%+=:,./#-]+)$/s.test(part));
  // What stands together without a blank between is one word, and nothing that we write.
  const isApart = pieces.every((piece, at) => at % 2 === (piece.trim() === "" ? 1 : 0));
  return isPlain && isApart ? parts.map((part) => part.replace(/^'(.*)'$/s, "$1")) : undefined;
}

const configureWords =
  /^(primitive|group|clone|ms|master|location|colocation|collocation|order|property|rsc_defaults|op_defaults|delete|rename|modgroup|xml)$/;
const resourceWords = /^(move|migrate|clear|unmove|unmigrate|ban|start|stop|manage|unmanage|meta)$/;
const cibadminOptions = /^--(replace|delete|modify|create|scope|xml-text)$/;
const crmResourceOptions = /^--(resource|node|move|clear|ban|meta|set-parameter|parameter-value|delete-parameter)(=|$)/;

function changesOnlyTheCib(program: string, args: readonly string[]): boolean {
  const options = args.filter((arg) => arg.startsWith("-"));
  if (program === "crm") {
    const [force, level = "", word = ""] = args;
    if (force !== "-F") return false;
    return (level === "configure" && configureWords.test(word)) || (level === "resource" && resourceWords.test(word));
  }
  if (program === "cibadmin") return options.every((option) => cibadminOptions.test(option));
  return program === "crm_resource" && options.every((option) => crmResourceOptions.test(option));
}

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

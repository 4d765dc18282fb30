import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { localHost } from "../host/local.ts";

/** What `crm configure show` prints is a configuration too, but not the XML that the scheduler reads. */
export function isShellText(text: string): boolean {
  return !text.trimStart().startsWith("<");
}

const timeoutMs = 60_000;

/**
 * The CIB that `crm` makes of such a text, in a file of its own: no cluster is touched. First in the schema of Pacemaker 1.1,
 * which knows `ms`, `:Master` and `default-resource-stickiness`; what is newer than that (`promotable=true`, `:Promoted`) is
 * understood in the newest schema only.
 * @throws CIB_INVALID where `crm` does not take it, PACEMAKER_NOT_FOUND where it is not installed
 */
export async function cibOfShellText(text: string, name: string, signal?: AbortSignal): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-crm-"));
  try {
    let refusal = "";
    for (const schema of ["pacemaker-1.2", ""]) {
      const made = await converted(text, schema, folder, signal);
      if (made.code === 127) throw notInstalled(name);
      if (made.cib !== undefined) return made.cib;
      refusal ||= made.said;
    }
    throw notTaken(name, refusal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param schema empty: the newest */
async function converted(text: string, schema: string, folder: string, signal: AbortSignal | undefined) {
  const [cib, source] = [join(folder, "cib.xml"), join(folder, "configuration.crm")];
  await writeFile(source, text);
  // -F: agents that are not installed here are errors to crm otherwise, and what it warns of is no cluster's.
  const script =
    'command -v crm >/dev/null && command -v cibadmin >/dev/null || exit 127; rm -f "$1"; cibadmin --empty $3 >"$1" && CIB_file="$1" TERM=dumb exec crm -F configure load replace "$2" 2>&1';
  const { code, stdout } = await localHost().run({ script, args: [cib, source, schema], timeoutMs, signal });
  return code === 0 && !/\bERROR\b/.test(stdout)
    ? { code, said: "", cib: await readFile(cib, "utf8") }
    : { code, said: stdout, cib: undefined };
}

function notInstalled(name: string): BlackstartError {
  return new BlackstartError("PACEMAKER_NOT_FOUND", {
    what: `${name} is no XML, and crm, which could turn it into a CIB, is not installed.`,
    why: "A configuration as `crm configure show` prints it is read by crm alone.",
    next: "Install crmsh and pacemaker-cli-utils, or take the CIB on the cluster with `cibadmin --query > cib.xml`.",
  });
}

function notTaken(name: string, stdout: string): BlackstartError {
  const lines = stdout
    .replaceAll(/\u001b\[\d*m/g, "")
    .trim()
    .split("\n");
  const errors = lines.filter((line) => line.startsWith("ERROR") && !/agent|meta-data/.test(line));
  const said = (errors.length > 0 ? errors : lines.slice(-2)).slice(0, 3).join("; ");
  return new BlackstartError("CIB_INVALID", {
    what: `crm does not take ${name}.`,
    why: said === "" ? "It gave no reason." : said,
    next: "Give what `crm configure show` prints, whole, or the XML of `cibadmin --query`.",
  });
}

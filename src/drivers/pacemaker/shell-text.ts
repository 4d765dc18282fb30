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
 * The CIB that `crm` makes of such a text, in a file of its own: no cluster is touched.
 * @throws CIB_INVALID where `crm` does not take it, PACEMAKER_NOT_FOUND where it is not installed
 */
export async function cibOfShellText(text: string, name: string, signal?: AbortSignal): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-crm-"));
  try {
    const [cib, source] = [join(folder, "cib.xml"), join(folder, "configuration.crm")];
    await writeFile(source, text);
    // -F: agents that are not installed here are errors to crm otherwise, and what it warns of is no cluster's.
    const script =
      'command -v crm >/dev/null && command -v cibadmin >/dev/null || exit 127; cibadmin --empty >"$1" && CIB_file="$1" exec crm -F configure load replace "$2" 2>&1';
    const { code, stdout } = await localHost().run({ script, args: [cib, source], timeoutMs, signal });
    if (code === 127) throw notInstalled(name);
    if (code !== 0) throw notTaken(name, stdout);
    return await readFile(cib, "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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

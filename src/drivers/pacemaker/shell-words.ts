import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { localHost } from "../host/local.ts";

/**
 * The CIB after `crm` was told something about it, in a file of its own: no cluster is touched. What needs a cluster that
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
    const script = `command -v crm >/dev/null || exit 127; CIB_file="$1" TERM=dumb exec crm -F ${words} 2>&1`;
    const { code } = await localHost().run({ script, args: [file], timeoutMs, signal });
    if (code === 127) throw notInstalled();
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

function notInstalled(): BlackstartError {
  return new BlackstartError("PACEMAKER_NOT_FOUND", {
    what: "crm is not installed.",
    why: "What is said to Pacemaker in its words is understood by crm alone.",
    next: "Install it: apt-get install crmsh",
  });
}

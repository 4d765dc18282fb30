import { BlackstartError } from "../../base/error.ts";
import type { Host } from "../host/host.ts";

/**
 * The CIB that a text of `crm configure` describes, made by crm itself in a file of its own: no cluster is asked or
 * changed. Throws INPUT_INVALID for what crm does not take, NOT_POSSIBLE_NOW where there is no crm.
 */
export async function cibOfCrmText(host: Host, text: string, path: string): Promise<string> {
  const { code, stdout, stderr } = await host.run({ script, input: text, timeoutMs: 60_000 });
  if (code === 0) return stdout;
  const why = stderr.trim().split("\n").filter(Boolean).slice(-5).join("\n");
  if (code === missingCode)
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `${path} is a text of crm, and there is no crm on ${host.reference}.`,
      why: "Only crm itself understands its language whole.",
      next: "Install crmsh and pacemaker-cli-utils, or give the CIB as XML: cibadmin --query",
    });
  throw new BlackstartError("INPUT_INVALID", {
    what: `${path} is neither a capture nor a CIB, and crm does not take it as its own text.`,
    why: why || `crm ended with code ${code}.`,
    next: "Give a capture (blackstart reproduce capture), a CIB (cibadmin --query), or what `crm configure show` prints.",
  });
}

const missingCode = 90;

const script = `
command -v crm >/dev/null 2>&1 && command -v cibadmin >/dev/null 2>&1 || exit ${missingCode}
folder=$(mktemp -d) || exit
trap 'rm -rf "$folder"' EXIT
cat >"$folder/text"
export CIB_file="$folder/cib.xml" HOME="$folder"
cibadmin --empty >"$CIB_file" || exit
crm -F configure load replace "$folder/text" >"$folder/said" 2>&1 || { cat "$folder/said" >&2; exit 1; }
cat "$CIB_file"
`;

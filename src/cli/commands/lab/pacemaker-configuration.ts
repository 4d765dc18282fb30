import { BlackstartError, messageOf } from "../../../base/error.ts";
import type { ManagerName, PacemakerConfiguration } from "../../../lab/lab.ts";
import { readText } from "../../../system/read-text.ts";

const bytesMax = 16 * 1024 * 1024;

export type ConfigurationOptions = Readonly<{ manager: ManagerName; cib?: string; crm?: string }>;

/** The configuration that a lab with Pacemaker is to be made from; undefined: its own. */
export async function pacemakerConfiguration(
  options: ConfigurationOptions,
): Promise<PacemakerConfiguration | undefined> {
  const { manager, cib, crm } = options;
  const file = cib ?? crm;
  if (file === undefined) return undefined;
  const kind = cib === undefined ? "crm" : "cib";
  if (manager !== "pacemaker" || (cib !== undefined && crm !== undefined))
    throw new BlackstartError("USAGE", {
      what:
        manager === "pacemaker" ? "--cib and --crm were both given." : "--cib and --crm are for labs with Pacemaker.",
      why: "A lab is made from one configuration, and it is its manager's.",
      next:
        kind === "cib"
          ? `For example: blackstart lab up --manager pacemaker --cib ${file}`
          : `For example: blackstart lab up --manager pacemaker --crm ${file}`,
    });
  const text = await readText(file, bytesMax).catch((error: unknown) => {
    throw unreadable(file, messageOf(error));
  });
  if (text === undefined) throw unreadable(file, `It is larger than ${bytesMax / 1024 / 1024} MiB.`);
  return { kind, text, source: file };
}

function unreadable(file: string, why: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `The configuration ${file} cannot be read.`,
    why,
    next: "Write one on a node of the cluster: `cibadmin --query`, or `crm configure show`.",
  });
}

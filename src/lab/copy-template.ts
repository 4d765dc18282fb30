import { execFile } from "node:child_process";
import { chownSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { BlackstartError, messageOf } from "../base/error.ts";
import { serverAccount } from "./account.ts";
import type { NodeRecord } from "./record.ts";
import type { Spares } from "./spares.ts";

/** Makes the node's folder with its data directory, a copy of the template: a spare one where there is any. */
export async function copyTemplate(node: NodeRecord, template: string, spares?: Spares): Promise<void> {
  const account = serverAccount();
  // The account owns the folder around it as well: what rewinds and clones puts things beside the data directory.
  const folder = dirname(node.dataDirectory);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  if (await spares?.take(template, node.dataDirectory)) return;
  await copyTree(template, node.dataDirectory).catch((error) => {
    throw new BlackstartError("LAB_FAILED", {
      what: `The data directory of ${node.name} could not be copied from the template.`,
      why: messageOf(error),
      next: "Make room on the disk, or set BLACKSTART_HOME to a folder on another one.",
    });
  });
}

/** With owners and modes: the servers' account is another one than root's. */
export async function copyTree(from: string, to: string): Promise<void> {
  await promisify(execFile)("cp", ["-a", from, to]);
}

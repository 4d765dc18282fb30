import { chownSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { serverAccount } from "./account.ts";
import type { LabRecord } from "./record.ts";

/** Where a lab keeps the archived log; undefined where it archives none. */
export function archiveOf(lab: LabRecord): string | undefined {
  const folder = archiveFolder(lab);
  return existsSync(folder) ? folder : undefined;
}

/** Makes the archive and answers with the settings by which every node writes to it and restores from it. */
export function makeArchive(lab: LabRecord): Readonly<Record<string, string>> {
  const folder = archiveFolder(lab);
  const account = serverAccount();
  mkdirSync(folder, { mode: 0o700 });
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const quoted = `'${folder.replaceAll("'", `'\\''`).replaceAll("%", "%%")}'`;
  return {
    archive_mode: "on",
    // Never over another file of that name, and never half a file under the right one (PostgreSQL, 26.3.1).
    archive_command: `test ! -f ${quoted}/%f && cp %p ${quoted}/.%f && mv ${quoted}/.%f ${quoted}/%f`,
    restore_command: `cp ${quoted}/%f %p`,
  };
}

function archiveFolder(lab: LabRecord): string {
  return join(lab.nodesDirectory, "archive");
}

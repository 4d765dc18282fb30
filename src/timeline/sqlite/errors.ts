import { BlackstartError, messageOf } from "../../base/error.ts";

/** The primary result codes of SQLite that need an answer of their own (sqlite.org/rescode.html). */
export const sqliteCode = {
  busy: 5,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

/** The primary code of an error of node:sqlite; undefined for any other error. */
export function sqliteCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  // The upper bits hold the extended code.
  return error.errcode & 0xff;
}

/** Turns whatever the store threw into an error that says what to do. */
export function storeUnusable(file: string, what: string, cause: unknown): BlackstartError {
  if (cause instanceof BlackstartError) return cause;
  const code = sqliteCodeOf(cause);
  return new BlackstartError("STORE_UNUSABLE", {
    what: `${what}: ${file}`,
    why: messageOf(cause),
    next: adviceFor(code ?? systemCodeOf(cause), file),
    details: code === undefined ? { file } : { file, sqliteCode: code },
    cause,
  });
}

/** What the system refused before SQLite was asked, as the SQLite code that means the same. */
function systemCodeOf(error: unknown): number | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return sqliteCode.readOnly;
  if (code === "ENOSPC" || code === "EDQUOT") return sqliteCode.full;
  return code === "EIO" ? sqliteCode.ioError : undefined;
}

function adviceFor(code: number | undefined, file: string): string {
  switch (code) {
    case sqliteCode.busy:
      return `Another process keeps ${file} locked. Find it (fuser ${file}) and try again when it has let go.`;
    case sqliteCode.readOnly:
    case sqliteCode.cannotOpen:
      return `Run as the owner of ${file}, or point BLACKSTART_HOME at a folder that you may write.`;
    case sqliteCode.full:
      return "Make room on the disk, then try again. What was acknowledged before is still there.";
    case sqliteCode.ioError:
      return "The disk failed. See the kernel's log, then start Blackstart again; it appends nothing more until then.";
    case sqliteCode.corrupt:
    case sqliteCode.notADatabase:
      return `Keep ${file} (with its -wal) as evidence, move it aside, and restore a copy or start a new timeline.`;
    default:
      return `Look at ${file} and the disk it lies on, then try again.`;
  }
}

import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Who runs the servers. PostgreSQL refuses to run as root, so root hands them to `nobody`: every system has it, and it
 * has the passwd entry that initdb asks for.
 */
export type Account = Readonly<{ name: string; uid: number; gid: number }>;

/** Undefined: we are no root and run them ourselves. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return accountFromPasswd(readFileSync("/etc/passwd", "utf8")) ?? { name: "nobody", uid: 65534, gid: 65534 };
}

export function accountFromPasswd(passwd: string): Account | undefined {
  const fields = passwd
    .split("\n")
    .find((line) => line.startsWith("nobody:"))
    ?.split(":");
  if (fields === undefined) return undefined;
  return { name: "nobody", uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** What `spawn` needs to run something as this account. Its working directory is one that every account can enter. */
export function spawnAs(account: Account | undefined): { cwd: string; uid?: number; gid?: number } {
  return account === undefined ? { cwd: "/" } : { cwd: "/", uid: account.uid, gid: account.gid };
}

/** Whether the account may enter this folder and all above it. We ourselves reach what we can see. */
export function canReach(folder: string, account: Account | undefined): boolean {
  if (account === undefined) return true;
  for (let at = folder; ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Whether the processes and files below this folder are ours to see and to end: root's are all. */
export function isOurs(folder: string): boolean {
  const uid = process.geteuid?.();
  return uid === undefined || uid === 0 || statSync(folder, { throwIfNoEntry: false })?.uid === uid;
}

import type { NodeObservation } from "../observe.ts";
import { type Place, runOrThrow } from "./place.ts";

/*
 * Whose data directory it is: two declared nodes may have been given one and the same, by different paths or through
 * different hosts; and the server that runs there may be another node's.
 */

/**
 * @property directory the directory itself, whatever its path: the kernel's boot, its device and inode. Undefined where
 *   there is none, or the host cannot tell
 * @property system its system identifier, by pg_control
 * @property lock what the server wrote into postmaster.pid when it started; it may be one that is gone by now
 */
export type Identity = Readonly<{ directory?: string; system?: string; lock?: LockFile }>;

export type LockFile = Readonly<{ dataDirectory: string; startedAtMs: number; port: number }>;

/** The lines of postmaster.pid: pid, data directory, start in seconds since 1970, port (pidfile.h). */
export const identityScript = `
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null && inode=$(stat -L -c %d:%i "$1/") && echo "directory $boot:$inode"
system=$(od -An -tu8 -N8 "$1/global/pg_control") && echo "system "$system
[ ! -r "$1/postmaster.pid" ] || { echo lock; cat "$1/postmaster.pid"; }
exit 0
`;

export async function identity(place: Place): Promise<Identity> {
  const { stdout } = await runOrThrow(place, "looking whose data directory it is", {
    script: `(${identityScript}) 2>/dev/null`,
    args: [place.dataDirectory],
    timeoutMs: 5000,
  });
  return identityFrom(stdout);
}

/** What the script's lines mean. Pure. */
export function identityFrom(stdout: string): Identity {
  const directory = /^directory (.+)$/m.exec(stdout)?.[1];
  const system = /^system +(\d+)$/m.exec(stdout)?.[1];
  const [, , dataDirectory, started, port] = stdout.slice(stdout.indexOf("lock\n")).split("\n");
  const lock =
    stdout.includes("lock\n") && dataDirectory && /^\d+$/.test(started ?? "") && /^\d+$/.test(port ?? "")
      ? { dataDirectory, startedAtMs: Number(started) * 1000, port: Number(port) }
      : undefined;
  return {
    ...(directory === undefined ? {} : { directory }),
    ...(system && { system }),
    ...(lock === undefined ? {} : { lock }),
  };
}

/** What a server says of itself over SQL. Its port and its path are those that it has in its own namespaces. */
export type ServerIdentity = Pick<NodeObservation, "systemIdentifier" | "startedAt" | "port"> &
  Readonly<{ settings: Pick<NodeObservation["settings"], "dataDirectory"> }>;

/** The file has the postmaster's first second, SQL the moment when all of its shared memory was there. */
const startsWithinMs = 60_000;

/** Whether the server that runs in that directory may be the one that said this of itself. */
export function mayBeOf({ system, lock }: Identity, server: ServerIdentity): boolean {
  if (system !== undefined && system !== server.systemIdentifier) return false;
  if (lock === undefined) return true;
  const apartMs = Date.parse(server.startedAt) - lock.startedAtMs;
  const { dataDirectory } = server.settings;
  return (
    apartMs > -1000 &&
    apartMs < startsWithinMs &&
    (server.port === undefined || server.port === lock.port) &&
    (dataDirectory === "" || dataDirectory === lock.dataDirectory)
  );
}

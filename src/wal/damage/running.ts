import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

export type RunningServer = Readonly<{ pid: number; dataDirectory: string }>;

/**
 * The server that runs and in whose pg_wal this file lies; undefined for a file that lies elsewhere, or whose server is
 * down.
 */
export async function runningServerOf(file: string): Promise<RunningServer | undefined> {
  const folder = dirname(await realpath(file));
  for (const each of new Set([dirname(resolve(file)), folder])) {
    if (basename(each) !== "pg_wal") continue;
    const pid = await livePostmaster(dirname(each));
    if (pid !== undefined) return { pid, dataDirectory: dirname(each) };
  }
  return serverWithLink(folder);
}

async function livePostmaster(dataDirectory: string): Promise<number | undefined> {
  const text = await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Math.abs(Number(text.split("\n")[0]));
  return Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) ? pid : undefined;
}

/** pg_wal may be a link to a folder on another disk. A server's processes all work in its data directory. */
async function serverWithLink(folder: string): Promise<RunningServer | undefined> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const seen = new Set<string>();
  for (const pid of pids) {
    const dataDirectory = await readlink(join("/proc", pid, "cwd")).catch(() => undefined);
    if (dataDirectory === undefined || seen.has(dataDirectory)) continue;
    seen.add(dataDirectory);
    if ((await realpath(join(dataDirectory, "pg_wal")).catch(() => undefined)) !== folder) continue;
    const postmaster = await livePostmaster(dataDirectory);
    if (postmaster !== undefined) return { pid: postmaster, dataDirectory };
  }
  return undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process lives, too.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

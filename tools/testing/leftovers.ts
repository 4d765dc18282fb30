// What tests left behind. A process belongs to the run if it inherited the run's folder in its environment, names a place
// in it as an argument (a Patroni that was started without our environment), or works in it (a PostgreSQL backend
// overwrites both, but its working directory is the data directory). No other process is ever touched.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const graceMs = 3000;

type LeftProcess = Readonly<{ pid: number; command: string }>;

/** Ends what is still there after a moment's grace, and tells what it was. */
export async function endLeftProcesses(folder: string, waitMs = graceMs): Promise<readonly LeftProcess[]> {
  let left = processesOf(folder);
  for (const deadline = Date.now() + waitMs; left.length > 0 && Date.now() < deadline; left = processesOf(folder)) {
    await delay(50);
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone in the meantime.
    }
  }
  return left;
}

/** The names of what lies in the run's folder, but for the caches of Node itself. */
export function leftFiles(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name !== "node-compile-cache");
}

function processesOf(folder: string): readonly LeftProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => isOfRun(name, folder))
    .map((name) => ({ pid: Number(name), command: read(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim() }))
    .filter(({ command }) => command !== ""); // A zombie has none; it is gone but for its parent's look.
}

function isOfRun(pid: string, folder: string): boolean {
  if (read(`/proc/${pid}/environ`).split("\0").includes(`BLACKSTART_TEST_RUN=${folder}`)) return true;
  if (read(`/proc/${pid}/cmdline`).includes(`${folder}/`)) return true;
  try {
    const place = readlinkSync(`/proc/${pid}/cwd`);
    return place === folder || place.startsWith(`${folder}/`);
  } catch {
    return false; // Gone, or another user's.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // Gone, or another user's.
  }
}

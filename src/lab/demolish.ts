import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { BlackstartError } from "../base/error.ts";
import { isOurs } from "./account.ts";
import { managerOf } from "./managers.ts";
import { releasePorts } from "./ports.ts";
import type { LabRecord } from "./record.ts";
import { unmountVolumes } from "./volumes.ts";
import { endAll } from "./signals.ts";

/**
 * Ends every process of a lab, frees its shared memory, removes its directories and gives its ports back. Whatever of it
 * is there: also for a lab that is half made, half gone, or whose machine was started anew. Doing it twice is no error.
 */
export async function demolish(record: LabRecord): Promise<void> {
  if (existsSync(record.directory) && !isOurs(record.directory)) throw anotherUsers(record);
  const segments = dataDirectoriesOf(record).flatMap(segmentOf);
  await endProcesses(record);
  await freeSegments(segments);
  await managerOf(record).clear(record);
  await unmountVolumes(record.nodes);
  // A node's directory first: while lab.json is there, an interrupted removal can be gone on with.
  for (const node of record.nodes) await remove(join(node.dataDirectory, ".."));
  if (record.nodesDirectory !== record.directory) await remove(record.nodesDirectory);
  await remove(record.directory);
  releasePorts(record.ports, record.directory);
}

function anotherUsers({ name, directory }: LabRecord): BlackstartError {
  return new BlackstartError("LAB_FAILED", {
    what: `The lab ${name} belongs to another user, and was left as it is.`,
    why: `${directory} is another's; its processes cannot be seen or ended from here.`,
    next: "Take it down as the user who made it, or as root.",
  });
}

/** Also those that were moved aside or kept beside a node's: a server may have been started in them. */
function dataDirectoriesOf(record: LabRecord): readonly string[] {
  return record.nodes.flatMap(({ dataDirectory }) => {
    const folder = join(dataDirectory, "..");
    try {
      return readdirSync(folder).map((name) => join(folder, name));
    } catch {
      return []; // Removed already.
    }
  });
}

async function endProcesses(record: LabRecord): Promise<void> {
  const manager = managerOf(record);
  const gone = await endAll(() => [
    ...manager.sharedProcesses(record),
    ...record.nodes.flatMap((node) => manager.processesOf(record, node)),
  ]);
  if (gone) return;
  throw new BlackstartError("LAB_FAILED", {
    what: `Processes of the lab ${record.name} did not end within 10 s of SIGKILL.`,
    why: "They hang in the kernel, most likely on a disk.",
    next: `See \`ps -eo pid,stat,wchan,args | grep ${record.name}\`; then take the lab down again.`,
  });
}

/** Line 7 of postmaster.pid: the key and the id of the System V segment (miscinit.c, AddToDataDirLockFile). */
function segmentOf(dataDirectory: string): readonly { key: string; id: string }[] {
  try {
    const [key, id] = (readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[6] ?? "")
      .trim()
      .split(/\s+/);
    return key && id ? [{ key, id }] : [];
  } catch {
    return []; // Shut down in order, or never started: it holds none.
  }
}

/** SIGKILL leaves the segment behind. After a reboot its id may be a stranger's: key, id and no user must fit. */
async function freeSegments(segments: readonly Segment[]): Promise<void> {
  for (const segment of segments) {
    if (!isAbandoned(segment)) continue;
    await promisify(execFile)("ipcrm", ["-m", segment.id]).catch((error) => {
      // A server that begins again, or its end, has removed it in between.
      if (isAbandoned(segment)) throw error;
    });
  }
}

type Segment = Readonly<{ key: string; id: string }>;

function isAbandoned({ key, id }: Segment): boolean {
  // Columns: key shmid perms size cpid lpid nattch …
  return readFileSync("/proc/sysvipc/shm", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .some((fields) => fields[0] === key && fields[1] === id && fields[6] === "0");
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

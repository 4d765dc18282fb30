import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { deleted, placeBelow } from "./process-place.ts";

/** A process that can be told from a later one with the same pid: by when it started, in clock ticks since this boot. */
export type ProcessIdentity = Readonly<{ pid: number; startTime: string; boot: string }>;

export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime, boot: bootId() };
}

/** Whether this very process still runs; one that has ended and was not yet waited for does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = statOf(identity.pid);
  return (
    stat !== undefined && stat.state !== "Z" && stat.startTime === identity.startTime && bootId() === identity.boot
  );
}

export type ProcessInfo = Readonly<{
  pid: number;
  parent: number;
  state: string;
  startTime: string;
  program: string;
  directory: string;
}>;

/**
 * The processes of PostgreSQL servers at or below a folder: a server's processes all have their data directory as their
 * working directory, also those that outlived their postmaster. What else stands there (a person's shell, say) is
 * left alone, unless a server started it.
 */
export function serverProcessesIn(folder: string): readonly ProcessInfo[] {
  return processesIn(folder, ({ program }) => program === "postgres");
}

/** Those that stand at or below a folder and are ours, and whatever these have started there. */
export function processesIn(folder: string, isOurs: (process: ProcessInfo) => boolean): readonly ProcessInfo[] {
  const isThere = placeBelow(folder);
  const there = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isThere(name))
    .map((name) => infoOf(Number(name)))
    .filter((info) => info !== undefined);
  const found = new Set(there.filter(isOurs));
  const pids = new Set([...found].map(({ pid }) => pid));
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const info of there.filter(({ parent }) => pids.has(parent))) {
      found.add(info);
      pids.add(info.pid);
    }
  }
  return [...found];
}

/** With which it was started; of one that is gone: none. */
export function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // It is gone.
  }
}

/** The pid that a process itself has, in its innermost namespace of pids (proc(5), NSpid); ours, where it is in ours. */
export function ownPidOf(pid: number): number {
  try {
    const line = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return Number(line?.trim().split(/\s+/).at(-1) ?? pid);
  } catch {
    return pid; // It is gone.
  }
}

/** The processes of a namespace of process ids (`pid:[4026532…]`), as the kernel names it. */
export function processesInNamespace(namespace: string): readonly ProcessInfo[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => linkOf(pid, "ns/pid") === namespace)
    .flatMap((pid) => {
      const stat = statOf(Number(pid));
      if (stat === undefined || stat.state === "Z") return [];
      const program = linkOf(pid, "exe") ?? "";
      const directory = linkOf(pid, "cwd") ?? "";
      return [{ pid: Number(pid), ...stat, program: program.slice(program.lastIndexOf("/") + 1), directory }];
    });
}

function linkOf(pid: string, link: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${link}`);
  } catch {
    return undefined; // Not ours to see, or gone meanwhile.
  }
}

/** The rest is only asked of those that stand there, for a fault must be quick. */
function infoOf(pid: number): ProcessInfo | undefined {
  try {
    const read = (link: string) => readlinkSync(`/proc/${pid}/${link}`).replace(deleted, "");
    const directory = read("cwd");
    const stat = statOf(pid);
    if (stat === undefined || stat.state === "Z") return undefined;
    const program = read("exe");
    return { pid, ...stat, program: program.slice(program.lastIndexOf("/") + 1), directory };
  } catch {
    return undefined; // Not ours to see, or gone meanwhile; either way it is not one of our servers.
  }
}

/** proc(5): pid (name) state parent …, the 22nd is the start time. The name may hold anything, also parentheses. */
function statOf(pid: number): { state: string; parent: number; startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", parent: Number(fields[1]), startTime: fields[19] ?? "" };
  } catch {
    return undefined; // It is gone.
  }
}

let boot: string | undefined;
function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}

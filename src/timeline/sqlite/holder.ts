import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { bootId } from "./boot-clock.ts";

/**
 * Which process holds a lease, so precisely that its death can be known: a process id alone is soon given to another
 * process. `start` is field 22 of /proc/PID/stat, in clock ticks since the boot (proc_pid_stat(5)).
 */
export type ProcessIdentity = Readonly<{ host: string; boot: string; namespace: string; pid: number; start: string }>;

/** This process; undefined parts are empty where there is no /proc. */
export function thisProcess(): ProcessIdentity {
  return {
    host: hostname(),
    boot: bootId(),
    namespace: pidNamespace(),
    pid: process.pid,
    start: processState(process.pid)?.start ?? "",
  };
}

/** For people. */
export function holderText(identity: ProcessIdentity): string {
  return `process ${identity.pid} on ${identity.host}`;
}

/**
 * True only where the death is certain: the machine was booted since (the file is shared by the processes of one
 * machine); or, seen from the same process namespace, the process is gone, has become a zombie, or its id belongs to a
 * process that started later. Otherwise the lease has to run out.
 */
export function isKnownDead(identity: ProcessIdentity): boolean {
  if (identity.boot === "" || bootId() === "") return false;
  if (identity.boot !== bootId()) return true;
  if (identity.namespace === "" || identity.start === "") return false;
  if (identity.host !== hostname() || identity.namespace !== pidNamespace()) return false;
  const state = processState(identity.pid);
  if (state !== undefined) return state.start !== identity.start || state.letter === "Z" || state.letter === "X";
  return !answersSignal(identity.pid);
}

export function identityFromText(text: string): ProcessIdentity | undefined {
  try {
    const { host, boot, namespace, pid, start } = JSON.parse(text);
    if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    return { host: String(host), boot: String(boot), namespace: String(namespace), pid, start: String(start) };
  } catch {
    // An identity that cannot be read is nobody's that we know dead: the lease runs out by its ttl.
    return undefined;
  }
}

/** A process that /proc hides from us (hidepid) is not gone: only ESRCH says so. */
function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function processState(pid: number): { letter: string; start: string } | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  // The name in parentheses may itself hold spaces and parentheses: count from the last one.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [letter, start] = [fields?.[0], fields?.[19]];
  return letter === undefined || start === undefined ? undefined : { letter, start };
}

let namespace: string | undefined;
function pidNamespace(): string {
  if (namespace !== undefined) return namespace;
  try {
    namespace = readlinkSync("/proc/self/ns/pid");
  } catch {
    // No /proc, or one that may not be read: then nobody's death is certain.
    namespace = "";
  }
  return namespace;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there, or not for us: both mean that nothing is known from it.
    return undefined;
  }
}

import { serverProcessesIn } from "../processes.ts";
import type { NodeRecord } from "../record.ts";

/** SIGKILL to every process of a node. Stopped first, so that the postmaster starts no others meanwhile. */
export function killAll(node: NodeRecord): void {
  for (const signal of ["SIGSTOP", "SIGKILL"] as const) signalAll(node, signal);
}

export function signalAll(node: NodeRecord, signal: NodeJS.Signals): void {
  for (const { pid } of serverProcessesIn(node.dataDirectory)) send(pid, signal);
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // It ended meanwhile.
  }
}

export function noneLeft(node: NodeRecord): boolean {
  return serverProcessesIn(node.dataDirectory).length === 0;
}

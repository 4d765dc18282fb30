import { serverProcessesIn } from "../processes.ts";
import type { NodeRecord } from "../record.ts";

/**
 * SIGKILL to every process of these nodes. Stopped first: so a postmaster starts no others meanwhile, and what falls
 * together falls at the same moment.
 */
export function killAll(nodes: readonly NodeRecord[]): void {
  for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const node of nodes) signalAll(node, signal);
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

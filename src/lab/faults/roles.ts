import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { serverProcessesIn } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";

/** The nodes that run as a primary now. Roles change in the course of an outage, so the record's are not asked. */
export function primariesOf(lab: LabRecord): readonly NodeRecord[] {
  return lab.nodes.filter((node) => isRunning(node) && !isStandby(node));
}

/** Standbys that run now; which of them are synchronous is as it was set up. */
export function standbysOf(lab: LabRecord, role: "synchronous" | "asynchronous"): readonly NodeRecord[] {
  return lab.nodes.filter((node) => node.role === role && isRunning(node) && isStandby(node));
}

/** PostgreSQL removes the file when it promotes. */
export function isStandby(node: NodeRecord): boolean {
  return existsSync(join(node.dataDirectory, "standby.signal"));
}

export function isRunning(node: NodeRecord): boolean {
  return serverProcessesIn(node.dataDirectory).length > 0;
}

/** The process that postmaster.pid names, if it is one of this server's. */
export function postmasterOf(node: NodeRecord): number | undefined {
  const file = join(node.dataDirectory, "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  return serverProcessesIn(node.dataDirectory).find((info) => info.pid === pid)?.pid;
}

export function namesOf(nodes: readonly NodeRecord[]): string {
  return nodes.map(({ name }) => name).join(", ");
}

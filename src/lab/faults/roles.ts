import { existsSync } from "node:fs";
import { join } from "node:path";
import { serverProcessesIn } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";

/** The nodes that run as a primary now. Roles change in the course of an outage, so the record's are not asked. */
export function primariesOf(lab: LabRecord): readonly NodeRecord[] {
  return lab.nodes.filter((node) => isRunning(node) && !isStandby(node));
}

/** PostgreSQL removes the file when it promotes. */
export function isStandby(node: NodeRecord): boolean {
  return existsSync(join(node.dataDirectory, "standby.signal"));
}

export function isRunning(node: NodeRecord): boolean {
  return serverProcessesIn(node.dataDirectory).length > 0;
}

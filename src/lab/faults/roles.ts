import type { LabRecord, NodeRecord } from "../record.ts";
import { rolesNow } from "../roles-now.ts";
import { isRunning, isStandby } from "../servers.ts";

/** The nodes that run as a primary now. Roles change in the course of an outage, so the record's are not asked. */
export function primariesOf(lab: LabRecord): readonly NodeRecord[] {
  return lab.nodes.filter((node) => isRunning(node) && !isStandby(node));
}

/** Standbys that run now; without a primary that says which of them are synchronous, it is as it was set up. */
export async function standbysOf(lab: LabRecord, role: "synchronous" | "asynchronous"): Promise<readonly NodeRecord[]> {
  const now = await rolesNow(lab);
  const unsaid = ["standby", "silent"];
  return lab.nodes.filter((node) => {
    const role_ = now[node.name] ?? "down";
    return role_ === role || (unsaid.includes(role_) && isStandby(node) && node.role === role);
  });
}

import type { Opinion, RoleNow } from "../lab.ts";
import type { LabRecord } from "../record.ts";
import { liveState } from "./cluster.ts";
import { shapeOf } from "./places.ts";
import type { NodeState } from "./state.ts";

/** The agent's word for each server, and the virtual addresses that are there. */
export async function opinions(record: LabRecord): Promise<Readonly<Record<string, Opinion>>> {
  const state = await liveState(record);
  const addresses = shapeOf(record).virtualAddresses.map(({ resource }) => resource);
  return Object.fromEntries(
    (state?.nodes ?? []).map((node): [string, Opinion] => {
      const held = node.active.filter((resource) => addresses.includes(resource));
      const word = node.online ? (node.status ?? "no word yet") : "OFFLINE";
      return [node.name, { role: roleOf(node), words: [word, ...held].join(", ") }];
    }),
  );
}

/** The agent's words (`change_pgsql_status` in pgsql). */
const roles: Readonly<Record<string, RoleNow>> = {
  PRI: "primary",
  "HS:sync": "synchronous",
  "HS:async": "asynchronous",
  "HS:potential": "asynchronous",
  "HS:connected": "standby",
  "HS:alone": "standby",
  STOP: "down",
  UNKNOWN: "silent",
};

function roleOf({ online, status }: NodeState): RoleNow {
  return (online && status !== undefined ? roles[status] : undefined) ?? "down";
}

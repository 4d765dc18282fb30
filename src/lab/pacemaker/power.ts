import { allOrFirstError } from "../../base/all-or-first-error.ts";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { answers, isRunning } from "../servers.ts";
import { bootHost, hostProcess } from "./host.ts";
import { opinions } from "./opinions.ts";
import { isLockedOut } from "./rejoin.ts";

const powerOnTimeoutMs = 60_000;

/**
 * Switches on what is off. A server that was the primary when it went is not started by the agent: its data may have what
 * the new primary has not (PGSQL.lock); `bringBack` is for that. The others are waited for.
 */
export async function powerOn(record: LabRecord, nodes: readonly NodeRecord[]): Promise<readonly NodeRecord[]> {
  const down = nodes.filter((node) => hostProcess(record, node) === undefined || !isRunning(node));
  const off = down.filter((node) => hostProcess(record, node) === undefined);
  for (const host of await allOrFirstError(off.map((node) => bootHost(record, node)))) host.say("manage");
  const awaited = down.filter((node) => !isLockedOut(node));
  const answer = await pollUntil(
    async () => ((await Promise.all(awaited.map(answers))).every(Boolean) ? true : undefined),
    { everyMs: 100, timeoutMs: powerOnTimeoutMs },
  );
  if (answer) return down;
  throw new BlackstartError("LAB_FAILED", {
    what: `Not all of ${awaited.map(({ name }) => name).join(", ")} came back within ${powerOnTimeoutMs / 1000} s.`,
    why: `Pacemaker says: ${JSON.stringify(await opinions(record))}.`,
    next: "See what failed, on one of the hosts: crm_mon -1 --failcounts",
  });
}

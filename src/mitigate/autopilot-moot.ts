import { discardPlan } from "../plan/discard.ts";
import { mootReason } from "../plan/moot.ts";
import { readPlan } from "../plan/status.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { actor, say, stateOf } from "./autopilot-incident.ts";
import type { Shared } from "./autopilot-pursuit.ts";

/** After these a proposal may be for an outage that is over. */
export const endingKinds: ReadonlySet<string> = new Set([
  "incident.finding-cleared",
  "incident.resolved",
] satisfies IncidentEvent["kind"][]);

/** Discards the proposals of an incident that nothing asks for any more: nobody shall carry them out in the next outage. */
export async function discardMoot({ options, carrying }: Shared, incident: string): Promise<void> {
  const state = await stateOf(options, incident);
  for (const { plan, ended } of state.plans) {
    if (ended !== null || carrying.has(plan)) continue;
    const status = await readPlan(options.timeline, plan);
    const reason = status === undefined ? undefined : mootReason(status, state);
    if (status === undefined || reason === undefined) continue;
    await discardPlan(options.timeline, plan, actor, reason);
    const data = { plan, planKind: status.plan.kind, outcome: "discarded", state: reason };
    await say(options, incident, { kind: "incident.plan-ended", data });
  }
}

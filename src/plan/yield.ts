import { BlackstartError } from "../base/error.ts";
import { pollUntil } from "../base/time.ts";
import type { Timeline } from "../timeline/timeline.ts";
import type { Hold } from "./hold.ts";
import { leaseNameOf } from "./lease-name.ts";
import type { Plan, Step } from "./plan.ts";
import { listPlans, type PlanStatus } from "./status.ts";
import { requestStop } from "./stop.ts";

/* The aftercare of one outage (copying a large database for hours, say) must not keep the next one from being ended. */

/** To see the request, to end what runs on the host, and to record that it stopped. */
const makeWayTimeoutMs = 15_000;

/** Whether the service depends on nothing that is left of it. */
export function isAftercare({ steps }: Pick<PlanStatus, "steps">): boolean {
  return steps.every(({ step, state }) => state === "done" || mayBreakOff(step));
}

function mayBreakOff(step: Step): boolean {
  return step.onFailure === "continue" || step.yields === true;
}

/** The plan that is being carried out under this lease. */
export async function holderOf(timeline: Timeline, lease: string): Promise<PlanStatus | undefined> {
  return (await listPlans(timeline)).find((plan) => plan.state === "running" && leaseNameOf(plan.plan) === lease);
}

/** The plan that holds the lease, where it would make way for an urgent one. */
export async function yieldingHolder(timeline: Timeline, lease: string): Promise<PlanStatus | undefined> {
  const holder = await holderOf(timeline, lease);
  return holder !== undefined && isAftercare(holder) ? holder : undefined;
}

/**
 * Where `plan` is urgent, and only aftercare is in its way: asks that to stop, and takes hold as soon as it has.
 * Undefined where it has to wait as everybody.
 */
export async function takeHoldFromAftercare(
  timeline: Timeline,
  plan: Plan,
  take: () => Promise<Hold | undefined>,
): Promise<Hold | undefined> {
  if (plan.urgent !== true) return undefined;
  const holder = await yieldingHolder(timeline, leaseNameOf(plan));
  if (holder === undefined) return undefined;
  try {
    await requestStop(
      timeline,
      holder.id,
      "executor",
      `${plan.id} is urgent, and this plan's aftercare makes way for it`,
    );
  } catch (error) {
    // It has come to its end meanwhile: then the lease is free.
    if (!(error instanceof BlackstartError && error.code === "NOT_POSSIBLE_NOW")) throw error;
  }
  return pollUntil(take, { everyMs: 20, timeoutMs: makeWayTimeoutMs });
}

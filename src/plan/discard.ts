import { BlackstartError } from "../base/error.ts";
import type { Actor, NewEvent, Timeline } from "../timeline/timeline.ts";
import type { PlanEvent } from "./events.ts";
import { leaseNameOf } from "./lease-name.ts";
import { readPlan, streamOfPlan } from "./status.ts";

const leaseTtlMs = 10_000;

/**
 * Puts a plan aside for good. One that is being carried out, or has ended, is refused with NOT_POSSIBLE_NOW; one that
 * was interrupted is discarded under its lease, so that nobody resumes it at the same moment.
 */
export async function discardPlan(timeline: Timeline, planId: string, by: Actor, reason: string): Promise<void> {
  const plan = await readPlan(timeline, planId);
  if (plan === undefined) {
    throw new BlackstartError("UNKNOWN_NAME", {
      what: `There is no plan ${planId}`,
      why: "No plan of this name was stored in this timeline.",
      next: "List the plans.",
      details: { plan: planId },
    });
  }
  const event = { kind: "plan.discarded", data: { reason } } as const satisfies PlanEvent;
  const events: readonly NewEvent[] = [{ ...event, by }];
  switch (plan.state) {
    case "proposed":
    case "approved":
      await timeline.append(streamOfPlan(planId), plan.version, events);
      return;
    case "interrupted": {
      const lease = await timeline.lease(leaseNameOf(plan.plan), leaseTtlMs);
      if (lease === undefined) throw notNow(planId, "another plan is being carried out on the same cluster");
      try {
        await timeline.append(streamOfPlan(planId), plan.version, events, lease);
      } finally {
        await lease.release();
      }
      return;
    }
    case "discarded":
      return;
    case "running":
    case "done":
    case "done-with-failures":
    case "stopped":
      throw notNow(planId, plan.state === "running" ? "it is being carried out" : `it has ended (${plan.state})`);
  }
}

function notNow(planId: string, why: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The plan ${planId} cannot be discarded`,
    why: `${why[0]?.toUpperCase()}${why.slice(1)}.`,
    next: "Look at the plan's state.",
    details: { plan: planId },
  });
}

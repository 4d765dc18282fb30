import { BlackstartError } from "../base/error.ts";
import { unknown } from "../system/names.ts";
import type { Actor, Event, NewEvent, Timeline } from "../timeline/timeline.ts";
import { discardPlan } from "./discard.ts";
import type { PlanEvent } from "./events.ts";
import { listPlans, type PlanStatus, readPlan, streamOfPlan } from "./status.ts";
import { leadsOn, progressText } from "./stopped-text.ts";

/** How soon the executor sees that its plan is to stop, in whichever process it runs. */
const lookEveryMs = 250;

/**
 * Asks a plan to stop. What nobody carries out is ended here and now: one that was interrupted is recorded as stopped,
 * one that was not begun as discarded. For one that runs the request is recorded, and its executor answers it.
 * Throws UNKNOWN_NAME, NOT_POSSIBLE_NOW (it has ended).
 */
export async function requestStop(timeline: Timeline, planId: string, by: Actor, reason: string): Promise<void> {
  for (;;) {
    const plan = await readPlan(timeline, planId);
    if (plan === undefined) throw unknown("plan", planId, (await listPlans(timeline)).map(({ id }) => id).toReversed());
    const request: PlanEvent = { kind: "plan.stop-requested", data: { reason } };
    try {
      switch (plan.state) {
        case "proposed":
        case "approved":
          return await discardPlan(timeline, planId, by, reason);
        case "running":
          if (plan.stopRequested === undefined) await append(timeline, plan, by, [request]);
          return;
        case "interrupted":
          // Its lease may be another plan's by now. Whoever resumes it meanwhile has appended, and this is refused.
          return await append(timeline, plan, by, [request, stoppedHalfWay(plan)]);
        case "done":
        case "done-with-failures":
        case "stopped":
        case "discarded":
          throw hasEnded(plan);
      }
    } catch (error) {
      // It has gone on since it was read.
      if (!isConflict(error)) throw error;
    }
  }
}

/** Follows the plan's stream for such a request; answers how to end that. */
export function watchForStop(timeline: Timeline, planId: string, onRequest: (event: Event) => void): () => void {
  let after = 0;
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      for (const event of await timeline.read({ stream: streamOfPlan(planId), after })) {
        after = event.position;
        if (isStopRequest(event)) onRequest(event);
      }
    } catch {
      // A store that does not answer loses the lease, which ends the plan as well.
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  return () => clearInterval(timer);
}

export function isStopRequest(event: Event): boolean {
  return event.kind === ("plan.stop-requested" satisfies PlanEvent["kind"]);
}

/** Why a step of the plan is aborted. */
export function askedToStop(by: Actor, reason: string): BlackstartError {
  return new BlackstartError("INTERRUPTED", {
    what: "The plan was asked to stop",
    why: `${by} asked for it: ${reason.replace(/\.?$/, ".")}`,
    next: "Look at the state of the cluster, then make a new plan: its checks find what was done already.",
  });
}

export function isConflict(error: unknown): boolean {
  return error instanceof BlackstartError && error.code === "VERSION_CONFLICT";
}

async function append(timeline: Timeline, plan: PlanStatus, by: Actor, events: readonly PlanEvent[]): Promise<void> {
  const toStore = events.map((event) => ({ ...event, by }) as unknown as NewEvent);
  await timeline.append(streamOfPlan(plan.id), plan.version, toStore);
}

function stoppedHalfWay(plan: PlanStatus): PlanEvent {
  const at =
    plan.steps.find(({ state }) => state === "intended") ?? plan.steps.find(({ state }) => state === "pending");
  const step = (at ?? plan.steps.at(-1))?.step;
  if (step === undefined) throw new Error("a plan has steps");
  const begun =
    at?.state === "intended"
      ? `“${step.title}” was begun, and its end is not recorded: whether it took effect is not known.`
      : `It was left before “${step.title}”.`;
  const done = new Set(plan.steps.flatMap((one) => (one.state === "done" ? [one.step.id] : [])));
  const progress = progressText(plan.plan.steps, step, at?.state === "intended", done);
  const state = `Its executor (${plan.executor}) is gone. ${begun} ${progress}`;
  const touched = new Set(at?.state === "intended" ? [...done, step.id] : done);
  return { kind: "plan.stopped", data: { step: step.id, state, next: leadsOn(plan.plan, touched) } };
}

function hasEnded(plan: PlanStatus): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The plan ${plan.id} cannot be stopped`,
    why: `It has ended (${plan.state}).`,
    next: `See \`blackstart plan show ${plan.id}\`.`,
    details: { plan: plan.id, state: plan.state },
  });
}

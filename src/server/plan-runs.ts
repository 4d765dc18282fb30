import { BlackstartError, messageOf } from "../base/error.ts";
import type { Json } from "../base/json.ts";
import type { Executor, PlanResult } from "../plan/executor.ts";
import { leaseNameOf } from "../plan/lease-name.ts";
import type { Plan } from "../plan/plan.ts";
import { type PlanStatus, readPlan } from "../plan/status.ts";
import { yieldingHolder } from "../plan/yield.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { incidentStream } from "../timeline/incident-state.ts";
import type { Actor, Timeline } from "../timeline/timeline.ts";

/** Plans that people have made and approved over HTTP, and their part in the story of the incident. */
export interface PlanRuns {
  store(plan: Plan, by: Actor): Promise<void>;
  /** Begins, and answers; throws where it may not begin. How it goes stands in the timeline. */
  start(planId: string, by: Actor): Promise<void>;
  /** Resolves when none runs any more. The executor has to be asked to end before. */
  close(): Promise<void>;
}

export function createPlanRuns(options: {
  timeline: Timeline;
  executor: Executor;
  problem(text: string): void;
}): PlanRuns {
  const { timeline, executor, problem } = options;
  const running = new Map<string, Promise<void>>();

  async function carryOut({ plan, id }: PlanStatus, by: Actor): Promise<void> {
    try {
      const result = await executor.run(id, by, "person");
      await say(timeline, plan, by, ended(plan, result));
    } catch (error) {
      // The plan's own stream says where it stands; here only a person who reads along is told.
      problem(`Plan ${id}: ${messageOf(error)}`);
    } finally {
      running.delete(id);
    }
  }

  /** The executor asks the aftercare of another plan to make way. */
  async function mayGoFirst({ plan }: PlanStatus): Promise<boolean> {
    return plan.urgent === true && (await yieldingHolder(timeline, leaseNameOf(plan))) !== undefined;
  }

  return {
    async store(plan, by) {
      await executor.store(plan, by);
      const title = plan.steps.map((step) => step.title).join("; ");
      await say(timeline, plan, by, {
        kind: "incident.plan-proposed",
        data: { plan: plan.id, planKind: plan.kind, title: title.slice(0, 500) },
      });
    },
    async start(planId, by) {
      const status = await readPlan(timeline, planId);
      if (status === undefined || running.has(planId) || !mayStart(status)) throw cannotStart(planId, status);
      const lease = await timeline.leaseState(leaseNameOf(status.plan));
      if (lease?.held === true && !(await mayGoFirst(status))) throw leaseHeld(planId, lease.name, lease.holder);
      running.set(planId, carryOut(status, by));
    },
    close: async () => void (await Promise.all(running.values())),
  };
}

function mayStart({ state }: PlanStatus): boolean {
  return state === "proposed" || state === "approved" || state === "interrupted";
}

function ended(plan: Plan, { outcome, state }: PlanResult): IncidentEvent {
  const data = { plan: plan.id, planKind: plan.kind, outcome, state };
  return { kind: "incident.plan-ended", data };
}

async function say(timeline: Timeline, plan: Plan, by: Actor, event: IncidentEvent): Promise<void> {
  if (plan.incident === undefined) return;
  const data = event.data as unknown as Json;
  await timeline.append(incidentStream(plan.incident), "any", [{ kind: event.kind, by, data }]);
}

function cannotStart(planId: string, status: PlanStatus | undefined): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Plan ${planId} cannot be started.`,
    why:
      status === undefined
        ? "There is no such plan."
        : `It is ${status.state === "approved" ? "running" : status.state}.`,
    next: "For another attempt, make a new plan: the world has changed since.",
    details: { plan: planId },
  });
}

function leaseHeld(planId: string, name: string, holder: string): BlackstartError {
  return new BlackstartError("LEASE_HELD", {
    what: `Plan ${planId} was not started: another works on ${name}.`,
    why: `${holder} has the lease; two at once would undo each other.`,
    next: "Wait until it has ended, or end it (POST /api/plans/{id}/stop); GET /api/plans shows how it goes.",
    details: { plan: planId, holder },
  });
}

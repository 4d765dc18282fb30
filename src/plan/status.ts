import type { JsonObject } from "../base/json.ts";
import type { Instant } from "../base/time.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Actor, Event, LeaseState, Timeline } from "../timeline/timeline.ts";
import type { PlanEvent } from "./events.ts";
import { leaseNameOf } from "./lease-name.ts";
import type { Plan, Step } from "./plan.ts";
import { applyUndo, type UndoFold, type UndoStatus } from "./undo-status.ts";

/**
 * Where a plan stands, folded from its stream.
 *
 *   proposed ─► approved ─► running ─► done | done-with-failures | stopped
 *      │           │          ▲ │
 *      │           │          │ └─(its executor died or lost the lease)─► interrupted ─(resumed)─► running
 *      └───────────┴──────────────────────────────────────────────────────► discarded ◄─┘
 *
 * Whether it is running or interrupted no event can say: the lease does. It is running only while its own grant of
 * the lease is held.
 */
export type PlanState =
  | "proposed"
  | "approved"
  | "running"
  | "interrupted"
  | "done"
  | "done-with-failures"
  | "stopped"
  | "discarded";

/** `intended`: begun, and no outcome recorded; when the plan is interrupted, the world has to be asked. */
export type StepState =
  | Readonly<{ state: "pending" }>
  | Readonly<{ state: "intended"; at: Instant }>
  | Readonly<{ state: "done"; at: Instant; already: boolean; outcome: JsonObject; tookMs: number }>
  | Readonly<{ state: "failed"; at: Instant; code: string; message: string; why: string; next: string }>;

export type StepStatus = Readonly<{ step: Step } & StepState>;

export type PlanStatus = Readonly<{
  id: string;
  plan: Plan;
  state: PlanState;
  /** Of the stream; what a next append expects. */
  version: number;
  steps: readonly StepStatus[];
  proposedBy: Actor;
  approved?: Readonly<{ by: Actor; how: "person" | "policy" | "flag"; at: Instant }>;
  startedAt?: Instant;
  endedAt?: Instant;
  /** Who carries it out, or did last. */
  executor?: string;
  /** Asked to stop, and by whom; answered by `plan.stopped`. */
  stopRequested?: Readonly<{ by: Actor; reason: string }>;
  /** When stopped: at which step, in what state things were left, what to do next. */
  stopped?: Readonly<{ step: string; state: string; next: string }>;
  discarded?: Readonly<{ by: Actor; reason: string }>;
  /** Of one that has ended: how far its undoing came, where that was ever begun. `state` stays as it ended. */
  undo?: UndoStatus;
}>;

/** @param lease of `leaseNameOf(plan)`; undefined when it was never taken. Answers undefined when no plan is stored. */
export function planStatus(events: readonly Event[], lease: LeaseState | undefined): PlanStatus | undefined {
  let fold: Fold | undefined;
  for (const event of events) fold = apply(fold, event);
  if (fold === undefined) return undefined;
  const { token, steps, undo: undoFold, ...rest } = fold;
  const isHeld = (by: number): boolean => lease?.held === true && lease.token === by;
  const running = rest.state === "running" && isHeld(token);
  return {
    ...rest,
    state: rest.state === "running" && !running ? "interrupted" : rest.state,
    steps: rest.plan.steps.map((step) => ({ step, ...(steps.get(step.id) ?? { state: "pending" }) })),
    ...(undoFold === undefined ? {} : { undo: undoStatus(undoFold, isHeld) }),
  };
}

function undoStatus({ token, ...undo }: UndoFold, isHeld: (token: number) => boolean): UndoStatus {
  return undo.state === "running" && !isHeld(token) ? { ...undo, state: "interrupted" } : undo;
}

/** The status of one stored plan, or undefined. */
export async function readPlan(timeline: Timeline, planId: string): Promise<PlanStatus | undefined> {
  return statusOf(timeline, await readAll(timeline, { stream: streamOfPlan(planId) }));
}

/** All plans, in the order in which they were stored. */
export async function listPlans(timeline: Timeline): Promise<readonly PlanStatus[]> {
  const byStream = new Map<string, Event[]>();
  for (const event of await readAll(timeline, { prefix: streamOfPlan("") })) {
    const events = byStream.get(event.stream);
    if (events === undefined) byStream.set(event.stream, [event]);
    else events.push(event);
  }
  const plans: PlanStatus[] = [];
  for (const events of byStream.values()) {
    const status = await statusOf(timeline, events);
    if (status !== undefined) plans.push(status);
  }
  return plans;
}

export function streamOfPlan(planId: string): string {
  return `plan/${planId}`;
}

async function statusOf(timeline: Timeline, events: readonly Event[]): Promise<PlanStatus | undefined> {
  const unleased = planStatus(events, undefined);
  // Only a plan that was started and has not ended, or an undoing that has not, depends on the lease.
  if (unleased?.state !== "interrupted" && unleased?.undo?.state !== "interrupted") return unleased;
  return planStatus(events, await timeline.leaseState(leaseNameOf(unleased.plan)));
}

type Fold = Omit<PlanStatus, "steps" | "undo"> &
  Readonly<{ token: number; steps: ReadonlyMap<string, StepState>; undo?: UndoFold | undefined }>;

function apply(fold: Fold | undefined, stored: Event): Fold | undefined {
  const { at, by, version } = stored;
  const event = stored as unknown as PlanEvent;
  if (event.kind === "plan.stored") {
    const { plan } = event.data;
    return { id: plan.id, plan, state: "proposed", version, proposedBy: by, token: 0, steps: new Map() };
  }
  if (fold === undefined) return undefined;
  const next = { ...fold, version };
  const withStep = (step: string, state: StepState): Fold => ({ ...next, steps: new Map(fold.steps).set(step, state) });
  switch (event.kind) {
    case "plan.approved":
      return { ...next, state: "approved", approved: { by, how: event.data.how, at } };
    case "plan.discarded":
      return { ...next, state: "discarded", endedAt: at, discarded: { by, reason: event.data.reason } };
    case "plan.started":
    case "plan.resumed": {
      const { token, executor } = event.data;
      return { ...next, state: "running", token, executor, startedAt: fold.startedAt ?? at };
    }
    case "step.intended":
      return withStep(event.data.step, { state: "intended", at });
    case "step.done": {
      const { step, ...done } = event.data;
      return withStep(step, { state: "done", at, ...done });
    }
    case "step.failed": {
      const { step, ...failure } = event.data;
      return withStep(step, { state: "failed", at, ...failure });
    }
    case "plan.finished":
      return { ...next, state: event.data.outcome, endedAt: at };
    case "plan.stop-requested":
      return { ...next, stopRequested: { by, reason: event.data.reason } };
    case "plan.stopped":
      return { ...next, state: "stopped", endedAt: at, stopped: event.data };
    case "plan.undo-started":
    case "plan.undo-resumed":
    case "step.undo-intended":
    case "step.undone":
    case "step.undo-failed":
    case "plan.undone":
    case "plan.undo-stopped":
      return { ...next, undo: applyUndo(fold.undo, stored) };
    default:
      // A later Blackstart may record more; what it adds does not change these states.
      return exhaustive(event, next);
  }
}

function exhaustive(_: never, fold: Fold): Fold {
  return fold;
}

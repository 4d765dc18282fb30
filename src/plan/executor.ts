import { BlackstartError } from "../base/error.ts";
import { type Clock, systemClock } from "../base/time.ts";
import { type Actor, type Event, type NewEvent, type Timeline } from "../timeline/timeline.ts";
import { carryOut, finished } from "./carry-out.ts";
import type { PlanEvent } from "./events.ts";
import { discardPlan } from "./discard.ts";
import type { HandlerRegistry } from "./handler.ts";
import { resumedAfterHalt, takeHold } from "./hold.ts";
import { leaseNameOf } from "./lease-name.ts";
import { mootNow } from "./moot.ts";
import type { Plan } from "./plan.ts";
import { createRecord } from "./record.ts";
import { assertWellFormed } from "./references.ts";
import { type PlanStatus, readPlan, streamOfPlan } from "./status.ts";
import { askedToStop, watchForStop } from "./stop.ts";
import { holderOf, takeHoldFromAftercare } from "./yield.ts";

export type ExecutorOptions = Readonly<{
  timeline: Timeline;
  handlers: HandlerRegistry;
  /** Told of every event as soon as it is stored, and of the handlers' progress lines. */
  onEvent?: (event: Event) => void;
  onProgress?: (stepId: string, line: string) => void;
  /** Asks the executor to end: no further step is begun, the present one is told to stop. */
  signal?: AbortSignal;
  /** How long the cluster stays closed to others when this process dies on a machine they cannot see. Default 10,000. */
  leaseTtlMs?: number;
  clock?: Clock;
}>;

export type PlanResult = Readonly<{
  planId: string;
  outcome: "done" | "done-with-failures" | "stopped";
  /** In what state things are. */
  state: string;
  /** When stopped: what to do next. */
  next?: string;
}>;

export interface Executor {
  /** Stores the plan as proposed; nothing is changed yet. */
  store(plan: Plan, by: Actor): Promise<void>;
  /**
   * Carries out a stored plan, or goes on with one that was interrupted; a plan that has ended answers its recorded
   * result and is not carried out again.
   * @param how who allowed it; may be left out only to go on with a plan that was approved before
   * An urgent plan asks the aftercare of another, where that is all that is in its way, to stop, and waits for it.
   * A process that was halted for longer than its lease, and finds it free, resumes the plan as another process would.
   * Throws UNKNOWN_NAME, NOT_CONFIRMED, NOT_POSSIBLE_NOW (discarded), LEASE_HELD before anything is changed; LEASE_LOST
   * when somebody else took over half-way: the plan has not ended then, it is interrupted or goes on there.
   */
  run(planId: string, by: Actor, how?: "person" | "policy" | "flag"): Promise<PlanResult>;
}

const leaseTtlMsDefault = 10_000;

export function createExecutor(options: ExecutorOptions): Executor {
  return {
    store: (plan, by) => store(options, plan, by),
    run: (planId, by, how) => resumedAfterHalt(() => run(options, planId, by, how), options.signal),
  };
}

async function store({ timeline, onEvent }: ExecutorOptions, plan: Plan, by: Actor): Promise<void> {
  assertWellFormed(plan);
  const event = { kind: "plan.stored", data: { plan } } as const satisfies PlanEvent;
  const stored = await timeline.append(streamOfPlan(plan.id), 0, [{ ...event, by } as unknown as NewEvent]);
  for (const one of stored) onEvent?.(one);
}

async function run(
  options: ExecutorOptions,
  planId: string,
  by: Actor,
  how: "person" | "policy" | "flag" | undefined,
): Promise<PlanResult> {
  const { timeline, handlers } = options;
  const before = await known(timeline, planId);
  const recorded = resultOf(before);
  if (recorded !== undefined) return recorded;
  assertMayRun(before, how);
  assertWellFormed(before.plan);
  assertHandled(before, handlers);

  const clock = options.clock ?? systemClock;
  const name = leaseNameOf(before.plan);
  const ttlMs = options.leaseTtlMs ?? leaseTtlMsDefault;
  const asked = new AbortController();
  const stop = AbortSignal.any([asked.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const take = () => takeHold(timeline, name, { ttlMs, clock, stop });
  const hold = (await take()) ?? (await takeHoldFromAftercare(timeline, before.plan, take));
  if (hold === undefined) throw await leaseHeld(timeline, name);
  const unwatch = watchForStop(timeline, planId, (event) =>
    asked.abort(askedToStop(event.by, (event.data as { reason: string }).reason)),
  );
  try {
    // Read again: somebody may have carried it out, or discarded it, since.
    const plan = await known(timeline, planId);
    const ended = resultOf(plan);
    if (ended !== undefined) return ended;
    assertMayRun(plan, how);
    // The autopilot has looked right before; a person may carry out what was proposed in another outage.
    if (how !== "policy") await discardIfMoot(timeline, plan, by);
    // Asked of an executor that died before it could answer.
    if (plan.stopRequested) asked.abort(askedToStop(plan.stopRequested.by, plan.stopRequested.reason));
    const record = createRecord(timeline, plan, hold.lease, options.onEvent);
    return await carryOut({ plan, by, how, hold, record, handlers, clock, onProgress: options.onProgress });
  } finally {
    unwatch();
    await hold.release();
  }
}

async function known(timeline: Timeline, planId: string): Promise<PlanStatus> {
  const plan = await readPlan(timeline, planId);
  if (plan !== undefined) return plan;
  throw new BlackstartError("UNKNOWN_NAME", {
    what: `There is no plan ${planId}`,
    why: "No plan of this name was stored in this timeline.",
    next: "List the plans, or make a new one.",
    details: { plan: planId },
  });
}

/** What is recorded of a plan that has ended; undefined while it has not. */
export function resultOf(plan: PlanStatus): PlanResult | undefined {
  switch (plan.state) {
    case "done":
    case "done-with-failures":
      return { planId: plan.id, ...finished(plan.state) };
    case "stopped":
      return { planId: plan.id, outcome: "stopped", state: plan.stopped?.state ?? "", next: plan.stopped?.next ?? "" };
    case "proposed":
    case "approved":
    case "running":
    case "interrupted":
    case "discarded":
      return undefined;
  }
}

function assertMayRun(plan: PlanStatus, how: string | undefined): void {
  if (plan.state === "discarded") {
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `The plan ${plan.id} was discarded by ${plan.discarded?.by}`,
      why: plan.discarded?.reason ?? "",
      next: "Make a new plan for the present state.",
      details: { plan: plan.id },
    });
  }
  if (plan.approved === undefined && how === undefined) {
    throw new BlackstartError("NOT_CONFIRMED", {
      what: `The plan ${plan.id} was not approved`,
      why: "Nobody has confirmed it, and no policy allows it.",
      next: "Show it, and approve it if it is right.",
      details: { plan: plan.id },
    });
  }
}

async function discardIfMoot(timeline: Timeline, plan: PlanStatus, by: Actor): Promise<void> {
  const reason = await mootNow(timeline, plan);
  if (reason === undefined) return;
  await discardPlan(timeline, plan.id, by, reason);
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The plan ${plan.id} is not carried out; it was discarded.`,
    why: reason,
    next: "See `blackstart status`; if something is wrong, make a new plan for the present state.",
    details: { plan: plan.id },
  });
}

/** Asked before the first step, so that a plan never stops half-way because this program does not know a step. */
function assertHandled({ id, steps }: PlanStatus, handlers: HandlerRegistry): void {
  const unknown = steps.find(({ step, state }) => state !== "done" && !handlers.has(step.kind));
  if (unknown === undefined) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The plan ${id} has a step that this Blackstart cannot carry out: ${unknown.step.kind}`,
    why: "No handler is registered for it; the plan may come from another version.",
    next: "Use the Blackstart that made the plan, or make a new one. Nothing was changed.",
    details: { plan: id, step: unknown.step.id, kind: unknown.step.kind },
  });
}

async function leaseHeld(timeline: Timeline, name: string): Promise<BlackstartError> {
  const state = await timeline.leaseState(name);
  const running = await holderOf(timeline, name);
  const until =
    state === undefined ? "" : ` Unless it is renewed, the lease ends in ${Math.ceil(state.leftMs / 1000)} s.`;
  return new BlackstartError("LEASE_HELD", {
    what: `Another plan is being carried out on ${name}`,
    why: `${running === undefined ? "It" : running.id} is held by ${state?.holder ?? "somebody"}.${until}`,
    next: `One plan a cluster at a time: wait until it has ended${running === undefined ? "" : `, or end it: \`blackstart plan stop ${running.id} <reason>\``}.`,
    details: { lease: name, holder: state?.holder ?? null, plan: running?.id ?? null },
  });
}

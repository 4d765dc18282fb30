import { BlackstartError } from "../base/error.ts";
import type { JsonObject } from "../base/json.ts";
import { type Clock, systemClock } from "../base/time.ts";
import { unknown } from "../system/names.ts";
import { scrubbed, withSecrets } from "../system/scrub.ts";
import type { Actor, Timeline } from "../timeline/timeline.ts";
import type { ExecutorOptions } from "./executor.ts";
import type { HandlerRegistry, StepContext, StepHandler, Undone } from "./handler.ts";
import { type Hold, resumedAfterHalt, takeHold } from "./hold.ts";
import { leaseNameOf } from "./lease-name.ts";
import type { Step } from "./plan.ts";
import { createRecord, type PlanRecord, type RecordedEvent } from "./record.ts";
import { fillIn } from "./references.ts";
import { listPlans, type PlanStatus, readPlan, type StepStatus } from "./status.ts";
import { runStep, type StepEnd } from "./step-run.ts";
import { titles } from "./stopped-text.ts";
import { isTakenBack } from "./undo-status.ts";

export type UndoResult = Readonly<{
  planId: string;
  outcome: "undone" | "stopped";
  /** The ids of the steps that are taken back by now, in the order in which that was done. */
  undone: readonly string[];
  /** In what state things are. */
  state: string;
  /** When stopped: what to do next. */
  next?: string;
}>;

/** What undoing a plan would come to: shown before it is confirmed. */
export type UndoPreview = Readonly<{
  /** The plan's last first: each step rests on those before it. */
  undo: readonly StepStatus[];
  /** What was begun, and stays. */
  stays: readonly Readonly<{ step: Step; why: string }>[];
}>;

const leaseTtlMsDefault = 10_000;

/** Asks nothing of the world. What was taken back before is in neither list. */
export function previewUndo(plan: PlanStatus, handlers: HandlerRegistry): UndoPreview {
  const back = new Set(plan.undo?.steps.filter(isTakenBack).map(({ step }) => step));
  const begun = plan.steps.filter((one) => mayHaveChanged(one, handlers) && !back.has(one.step.id)).toReversed();
  const reasons = begun.map((status) => whyItStays(status.step, handlers));
  return {
    undo: begun.filter((_, index) => reasons[index] === undefined),
    stays: begun.flatMap(({ step }, index) => {
      const why = reasons[index];
      return why === undefined ? [] : [{ step, why }];
    }),
  };
}

/** What only looks, and what was done already, has changed nothing that could be taken back. */
function mayHaveChanged(status: StepStatus, handlers: HandlerRegistry): boolean {
  if (handlers.get(status.step.kind)?.looks === true) return false;
  return status.state === "done" ? !status.already : status.state !== "pending";
}

function whyItStays(step: Step, handlers: HandlerRegistry): string | undefined {
  if (step.undoable !== true) {
    if (step.takenBackBy !== undefined) return `as long as nobody was promoted: \`${step.takenBackBy}\``;
    return step.whyNotUndoable ?? (step.destructive === true ? "cannot be undone" : "there is no way to take it back");
  }
  return handlers.get(step.kind)?.undo === undefined ? "this Blackstart does not know how" : undefined;
}

/**
 * Takes back the steps of a plan that has ended, the last first, under the plan's own lease; intent and outcome of each
 * go into the plan's stream. Goes on with an undoing that was interrupted, answers the recorded result of one that came
 * to its end, and begins one that stopped anew with the steps that are left.
 *
 * A step that failed may have had its effect all the same (a repair that was committed and did not verify): its `check`
 * tells.
 *
 * @param how who allowed it; may be left out only to go on with one that was interrupted
 * Throws UNKNOWN_NAME, NOT_POSSIBLE_NOW (it has not ended), REFUSED (nothing can be undone), NOT_CONFIRMED, LEASE_HELD
 * before anything is changed; LEASE_LOST when somebody else took over half-way.
 */
export function undoPlan(
  options: ExecutorOptions,
  planId: string,
  by: Actor,
  how?: "person" | "flag",
): Promise<UndoResult> {
  return resumedAfterHalt(() => undo(options, planId, by, how), options.signal);
}

async function undo(
  options: ExecutorOptions,
  planId: string,
  by: Actor,
  how: "person" | "flag" | undefined,
): Promise<UndoResult> {
  const { timeline, handlers } = options;
  const before = await known(timeline, planId);
  const recorded = recordedUndo(before, handlers);
  if (recorded !== undefined) return recorded;
  assertMayUndo(before, handlers, how);

  const clock = options.clock ?? systemClock;
  const name = leaseNameOf(before.plan);
  const ttlMs = options.leaseTtlMs ?? leaseTtlMsDefault;
  const hold = await takeHold(timeline, name, { ttlMs, clock, stop: options.signal });
  if (hold === undefined) throw await leaseHeld(timeline, name);
  try {
    // Read again: somebody may have undone it since.
    const plan = await known(timeline, planId);
    const ended = recordedUndo(plan, handlers);
    if (ended !== undefined) return ended;
    assertMayUndo(plan, handlers, how);
    const record = createRecord(timeline, plan, hold.lease, options.onEvent);
    return await takeBack({ plan, by, how, hold, record, handlers, clock, onProgress: options.onProgress });
  } finally {
    await hold.release();
  }
}

/** What is recorded of an undoing that came to its end. */
export function recordedUndo(plan: PlanStatus, handlers: HandlerRegistry): UndoResult | undefined {
  if (plan.undo?.state !== "undone") return undefined;
  const undone = plan.undo.steps.filter(({ state }) => state === "undone").map(({ step }) => step);
  return { planId: plan.id, outcome: "undone", undone, state: stateText(plan, undone, handlers) };
}

/** Throws where undoing may not even be asked for. */
export function assertUndoable(plan: PlanStatus, handlers: HandlerRegistry): void {
  const details = { plan: plan.id, state: plan.state };
  if (!["done", "done-with-failures", "stopped"].includes(plan.state)) {
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `The plan ${plan.id} cannot be undone: it has not ended.`,
      why: `It is ${plan.state}; only what has ended is undone.`,
      next: `See \`blackstart plan show ${plan.id}\`.`,
      details,
    });
  }
  const { undo, stays } = previewUndo(plan, handlers);
  if (undo.length > 0 || plan.undo?.state === "interrupted" || plan.undo?.state === "running") return;
  const why = stays.map(({ step, why: reason }) => `\n· ${step.title} [${reason}]`).join("");
  throw new BlackstartError("REFUSED", {
    what: `Nothing of the plan ${plan.id} can be undone.`,
    why: why === "" ? "No step of it has changed anything." : `What it has changed stays:${why}`,
    next: "Make a new plan that leads to where you want to be.",
    details,
  });
}

function assertMayUndo(plan: PlanStatus, handlers: HandlerRegistry, how: string | undefined): void {
  assertUndoable(plan, handlers);
  if (how !== undefined || plan.undo?.state === "interrupted") return;
  throw new BlackstartError("NOT_CONFIRMED", {
    what: `Nobody has confirmed that the plan ${plan.id} be undone.`,
    why: "Undoing changes things as carrying out does.",
    next: "Look at what would be undone, and confirm it if it is right.",
    details: { plan: plan.id },
  });
}

type TakeBack = Readonly<{
  plan: PlanStatus;
  by: Actor;
  how: "person" | "flag" | undefined;
  hold: Hold;
  record: PlanRecord;
  handlers: HandlerRegistry;
  clock: Clock;
  onProgress: ExecutorOptions["onProgress"];
}>;

async function takeBack(run: TakeBack): Promise<UndoResult> {
  const { plan, hold, record, handlers } = run;
  const begun = plan.undo?.steps.find(({ state }) => state === "intended")?.step;
  const undone = (plan.undo?.steps ?? []).filter(({ state }) => state === "undone").map(({ step }) => step);
  let pending = beginning(run);
  const flush = async (...events: readonly RecordedEvent[]): Promise<void> => {
    await record([...pending, ...events]);
    pending = [];
  };
  const stop = async (step: Step, why: string, next: string): Promise<UndoResult> => {
    const left = scrubbed({ state: `${why} ${stateText(plan, undone, handlers)}`, next });
    await flush({ kind: "plan.undo-stopped", data: { step: step.id, ...left } });
    return { planId: plan.id, outcome: "stopped", undone, ...left };
  };

  for (const status of previewUndo(plan, handlers).undo) {
    const { step } = status;
    if (hold.lost()) throw hold.signal.reason;
    if (hold.signal.aborted) return await stop(step, `It was asked to stop before this step: ${step.title}.`, again);
    if (step.id === begun) await flush();
    else await flush({ kind: "step.undo-intended", data: { step: step.id } });
    const { end, nothing } = await tryUndo(run, status);
    if (hold.lost()) throw hold.signal.reason;
    if (end.kind === "failed") {
      const { code, message, why, next } = end.error;
      const said = { code, message, why, next };
      pending.push({ kind: "step.undo-failed", data: { step: step.id, ...said } });
      return await stop(step, `${message} ${why}`, next);
    }
    const { outcome, tookMs } = end;
    if (nothing === undefined) undone.push(step.id);
    const said = nothing === undefined ? {} : { nothing: nothing };
    pending.push({ kind: "step.undone", data: { step: step.id, outcome, tookMs, ...said } });
  }
  await flush({ kind: "plan.undone", data: {} });
  return { planId: plan.id, outcome: "undone", undone, state: stateText(plan, undone, handlers) };
}

const again = "Call `blackstart plan undo` again: it goes on with the steps that are left.";

/** Goes to disk together with the first step's intent. */
function beginning({ plan, by, how, hold }: TakeBack): RecordedEvent[] {
  const data = { token: hold.lease.token, executor: hold.lease.holder };
  if (plan.undo?.state === "interrupted") return [{ kind: "plan.undo-resumed", data }];
  return [{ kind: "plan.undo-started", data: { ...data, how: how ?? "person" }, by }];
}

/** By the same means as a step is carried out: its limits, its end when the lease is lost, its errors. */
async function tryUndo(run: TakeBack, status: StepStatus): Promise<{ end: StepEnd; nothing?: string }> {
  const { plan, hold, handlers, clock, onProgress } = run;
  const { step } = status;
  const handler = handlers.get(step.kind) as StepHandler;
  let nothing: string | undefined;
  const backwards: StepHandler = {
    kind: step.kind,
    check: async () => ({ state: "ready" }),
    do: async (context) => {
      const undone = await undoStep(handler, status, context);
      if (undone.state === "undone") return undone.outcome;
      nothing = undone.why;
      return {};
    },
    verify: async () => {},
  };
  try {
    const parameters = fillIn(step, outcomesOf(plan));
    const progress = (line: string): void => onProgress?.(step.id, line);
    const end = await runStep({ planId: plan.id, step, parameters, handler: backwards, hold, clock, progress });
    return { end, ...(nothing === undefined ? {} : { nothing }) };
  } catch (error) {
    if (error instanceof BlackstartError) return { end: { kind: "failed", error } };
    throw error;
  }
}

async function undoStep(handler: StepHandler, status: StepStatus, context: StepContext): Promise<Undone> {
  const undo = (outcome: JsonObject): Promise<Undone> =>
    handler.undo?.(context, outcome) ?? Promise.resolve({ state: "nothing", why: "There is no way to." });
  if (status.state === "done") return undo(withSecrets(status.outcome));
  const check = await handler.check(context);
  switch (check.state) {
    case "done":
      return undo(check.outcome);
    case "ready":
      return { state: "nothing", why: "It failed, and had no effect." };
    case "refused":
      throw new BlackstartError("REFUSED", {
        what: `${status.step.title}: it failed, and whether it had an effect is not clear.`,
        why: check.why,
        next: check.next,
        details: { step: status.step.id },
      });
  }
}

function outcomesOf(plan: PlanStatus): ReadonlyMap<string, JsonObject> {
  return new Map(plan.steps.flatMap((status) => (status.state === "done" ? [[status.step.id, status.outcome]] : [])));
}

/** What is taken back and what is not, for the person who takes over from here. */
function stateText(plan: PlanStatus, undone: readonly string[], handlers: HandlerRegistry): string {
  const { steps } = plan.plan;
  const back = undone.flatMap((id) => steps.filter((step) => step.id === id));
  const left = plan.steps.filter((one) => mayHaveChanged(one, handlers) && !undone.includes(one.step.id));
  const doneText = back.length === 0 ? "No step was undone." : `Undone: ${titles(back)}.`;
  return left.length === 0 ? doneText : `${doneText} Stays: ${titles(left.map(({ step }) => step))}.`;
}

async function known(timeline: Timeline, planId: string): Promise<PlanStatus> {
  const plan = await readPlan(timeline, planId);
  if (plan !== undefined) return plan;
  throw unknown("plan", planId, (await listPlans(timeline)).map(({ id }) => id).toReversed());
}

async function leaseHeld(timeline: Timeline, name: string): Promise<BlackstartError> {
  const state = await timeline.leaseState(name);
  return new BlackstartError("LEASE_HELD", {
    what: `Another plan is being carried out, or undone, on ${name}`,
    why: `${state?.holder ?? "Somebody"} holds the lease.`,
    next: "Wait until it has ended; one plan a cluster at a time.",
    details: { lease: name, holder: state?.holder ?? null },
  });
}

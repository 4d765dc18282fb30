import { BlackstartError, whatAndWhy } from "../base/error.ts";
import type { JsonObject } from "../base/json.ts";
import type { Clock } from "../base/time.ts";
import { scrubbed } from "../system/scrub.ts";
import type { Actor } from "../timeline/timeline.ts";
import type { PlanResult } from "./executor.ts";
import type { HandlerRegistry, StepHandler } from "./handler.ts";
import type { Hold } from "./hold.ts";
import type { Step } from "./plan.ts";
import type { PlanRecord, RecordedEvent } from "./record.ts";
import { fillIn } from "./references.ts";
import type { PlanStatus } from "./status.ts";
import { runStep, type StepEnd } from "./step-run.ts";
import { leadsOn, progressText } from "./stopped-text.ts";

export type CarryOut = Readonly<{
  plan: PlanStatus;
  by: Actor;
  how: "person" | "policy" | "flag" | undefined;
  hold: Hold;
  record: PlanRecord;
  handlers: HandlerRegistry;
  clock: Clock;
  onProgress: ((stepId: string, line: string) => void) | undefined;
}>;

/**
 * Carries out the steps that have no outcome yet, in order. The outcome of one step and the intent of the next go to
 * disk together: one fsync a step.
 *
 *   intended ─► check ─┬─ done ──────────► verify ─► step.done (already)
 *                      ├─ ready ─► do ───► verify ─► step.done
 *                      └─ refused, or anything throws ─► step.failed ─► next step, or plan.stopped
 */
export async function carryOut(run: CarryOut): Promise<PlanResult> {
  const { plan, hold, record } = run;
  const { outcomes, open, begun } = remaining(plan);
  let { failures } = remaining(plan);
  let pending = beginning(run);
  const flush = async (...events: readonly RecordedEvent[]): Promise<void> => {
    await record([...pending, ...events]);
    pending = [];
  };
  const stop = async (step: Step, why: string, next?: string): Promise<PlanResult> => {
    const isBegun = next !== undefined;
    const progress = progressText(plan.plan.steps, step, isBegun, outcomes);
    const touched = new Set([...outcomes.keys(), ...(isBegun ? [step.id] : [])]);
    const onward = hold.signal.aborted ? leadsOn(plan.plan, touched) : (next ?? "");
    // The same words as are stored.
    const left = scrubbed({ state: `${why} ${progress}`, next: onward });
    await flush({ kind: "plan.stopped", data: { step: step.id, ...left } });
    return { planId: plan.id, outcome: "stopped", ...left };
  };

  for (const step of open) {
    if (hold.lost()) throw hold.signal.reason;
    if (hold.signal.aborted) return await stop(step, whyAsked(hold));
    if (step.id === begun) await flush();
    else await flush({ kind: "step.intended", data: { step: step.id } });
    const end = await tryStep(run, step, outcomes);
    if (hold.lost()) throw hold.signal.reason;
    if (end.kind === "done") {
      const { already, outcome, tookMs } = end;
      outcomes.set(step.id, outcome);
      pending.push({ kind: "step.done", data: { step: step.id, already, outcome, tookMs } });
    } else {
      failures += 1;
      pending.push(failed(step, end.error));
      const goesOn = step.onFailure === "continue" && !hold.signal.aborted;
      if (!goesOn) return await stop(step, whatAndWhy(end.error), end.error.next);
    }
  }
  const outcome = failures === 0 ? "done" : "done-with-failures";
  await flush({ kind: "plan.finished", data: { outcome } });
  return { planId: plan.id, ...finished(outcome) };
}

function whyAsked({ signal }: Hold): string {
  const { reason } = signal;
  return reason instanceof BlackstartError ? whatAndWhy(reason) : "It was asked to stop.";
}

/**
 * What an earlier executor left to do. A step that it began without recording an outcome (`begun`) is simply the first
 * open one: its check asks the world whether it was done.
 */
function remaining(plan: PlanStatus) {
  const outcomes = new Map<string, JsonObject>();
  const open: Step[] = [];
  let failures = 0;
  let begun: string | undefined;
  for (const status of plan.steps) {
    const { step } = status;
    if (status.state === "done") outcomes.set(step.id, status.outcome);
    else if (status.state === "failed" && step.onFailure === "continue") failures += 1;
    else open.push(step);
    if (status.state === "intended") begun = step.id;
  }
  return { outcomes, open, failures, begun };
}

/** Goes to disk together with the first step's intent. */
function beginning({ plan, by, how, hold }: CarryOut): RecordedEvent[] {
  const data = { token: hold.lease.token, executor: hold.lease.holder };
  if (plan.startedAt !== undefined) return [{ kind: "plan.resumed", data }];
  const started: RecordedEvent = { kind: "plan.started", data };
  if (plan.approved !== undefined || how === undefined) return [started];
  return [{ kind: "plan.approved", data: { how }, by }, started];
}

async function tryStep(run: CarryOut, step: Step, outcomes: ReadonlyMap<string, JsonObject>): Promise<StepEnd> {
  const { plan, hold, handlers, clock, onProgress } = run;
  // That there is one for every step was asked before the plan began.
  const handler = handlers.get(step.kind) as StepHandler;
  try {
    const parameters = fillIn(step, outcomes);
    const progress = (line: string): void => onProgress?.(step.id, line);
    return await runStep({ planId: plan.id, step, parameters, handler, hold, clock, progress });
  } catch (error) {
    if (error instanceof BlackstartError) return { kind: "failed", error };
    throw error;
  }
}

function failed(step: Step, error: BlackstartError): RecordedEvent {
  const { code, message, why, next } = error;
  const data = { step: step.id, code, message, why, next };
  return { kind: "step.failed", data };
}

/** What is said of a plan that came to its end. */
export function finished(outcome: "done" | "done-with-failures"): Pick<PlanResult, "outcome" | "state"> {
  return { outcome, state: outcome === "done" ? "Every step was done." : "Every step was done that had to be." };
}

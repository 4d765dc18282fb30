import { BlackstartError, messageOf } from "../base/error.ts";
import type { JsonObject } from "../base/json.ts";
import type { Clock } from "../base/time.ts";
import { withSecrets } from "../system/scrub.ts";
import type { StepContext, StepHandler } from "./handler.ts";
import type { Hold } from "./hold.ts";
import type { Step } from "./plan.ts";

/** Handlers have limits of their own; this one is for a handler that hangs all the same. */
const callTimeoutMs = 10 * 60_000;
/** What `parameters.timeoutMs` allows a handler is its own limit: it gets a moment more to report that itself. */
const callGraceMs = 1_000;
/** A timer that is set to more fires at once. */
const timerMaxMs = 2 ** 31 - 1;
/** After it was told to stop, a handler has this long to say in what state it leaves things. */
const abortGraceMs = 2_000;

export type StepEnd =
  | Readonly<{ kind: "done"; already: boolean; outcome: JsonObject; tookMs: number }>
  | Readonly<{ kind: "failed"; error: BlackstartError }>;

export type StepRun = Readonly<{
  planId: string;
  step: Step;
  parameters: JsonObject;
  handler: StepHandler;
  hold: Hold;
  clock: Clock;
  progress: (line: string) => void;
}>;

/** Carries out one step: check, do, verify. Never throws: what went wrong is its answer. */
export async function runStep(run: StepRun): Promise<StepEnd> {
  const { planId, step, parameters, handler, hold, clock, progress } = run;
  const startedAtMs = clock.monotonicMs();
  const over = new AbortController();
  const context: StepContext = {
    planId,
    stepId: step.id,
    run: hold,
    parameters: withSecrets(parameters),
    signal: AbortSignal.any([hold.signal, over.signal]),
    // A handler that was given up must not change anything later.
    assertHeld: async () => {
      over.signal.throwIfAborted();
      await hold.assertHeld();
    },
    progress,
  };
  const call = <T>(phase: string, work: () => Promise<T>): Promise<T> =>
    withinLimit(work, { limitMs: limitOf(parameters), giveUp: (error) => over.abort(error), context, phase });
  const done = (already: boolean, outcome: JsonObject): StepEnd => {
    return { kind: "done", already, outcome, tookMs: Math.round((clock.monotonicMs() - startedAtMs) * 1000) / 1000 };
  };
  try {
    hold.signal.throwIfAborted();
    const state = await call("check", () => handler.check(context));
    if (state.state === "refused") return { kind: "failed", error: refusal(step, state) };
    if (state.state === "done") {
      await call("verify", () => handler.verify(context, state.outcome));
      return done(true, state.outcome);
    }
    await context.assertHeld();
    const outcome = await call("do", () => handler.do(context));
    // Also when it was asked to end meanwhile: to look whether it is done is better than to record that nobody knows.
    await call("verify", () => handler.verify(context, outcome));
    return done(false, outcome);
  } catch (error) {
    return { kind: "failed", error: asStepError(step, error) };
  } finally {
    if (!over.signal.aborted) over.abort(new Error(`step ${step.id} is over`));
  }
}

function limitOf(parameters: JsonObject): number {
  const { timeoutMs } = parameters;
  return typeof timeoutMs === "number" && timeoutMs > 0 ? Math.min(timeoutMs + callGraceMs, timerMaxMs) : callTimeoutMs;
}

type Limit = Readonly<{ limitMs: number; giveUp: (error: Error) => void; context: StepContext; phase: string }>;

/**
 * The work's own answer if it comes in time. After an abort (or the limit, which aborts too) the work has a moment to
 * end by itself, because only the handler knows in what state it leaves things; then it is given up.
 */
async function withinLimit<T>(work: () => Promise<T>, limit: Limit): Promise<T> {
  const { limitMs, giveUp, context, phase } = limit;
  const { signal } = context;
  let graceTimer: NodeJS.Timeout | undefined;
  let onAbort = (): void => {};
  const limitTimer = setTimeout(() => giveUp(unanswered(context, phase, `It took over ${limitMs} ms.`)), limitMs);
  try {
    return await new Promise<T>((resolve, reject) => {
      onAbort = () => {
        const because = `It was told to stop and did not, within ${abortGraceMs} ms.`;
        graceTimer = setTimeout(() => reject(unanswered(context, phase, because)), abortGraceMs);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      // Also what the handler throws before its first await arrives at `reject`.
      (async () => work())().then(resolve, reject);
    });
  } finally {
    clearTimeout(limitTimer);
    clearTimeout(graceTimer);
    signal.removeEventListener("abort", onAbort);
  }
}

function unanswered(context: StepContext, phase: string, because: string): BlackstartError {
  const changed = phase === "do" ? "Whether it took effect is not known." : "This phase only looks.";
  return new BlackstartError("STEP_FAILED", {
    what: `Step ${context.stepId} did not answer (${phase})`,
    why: `${because} ${changed}`,
    next: "Look at what it works on, then make a new plan: its checks find what was done.",
    details: { step: context.stepId, phase },
  });
}

function refusal(step: Step, refused: { why: string; next: string }): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `${step.title}: it would not be safe now`,
    why: refused.why,
    next: refused.next,
    details: { step: step.id },
  });
}

function asStepError(step: Step, error: unknown): BlackstartError {
  if (error instanceof BlackstartError) return error;
  return new BlackstartError("STEP_FAILED", {
    what: `${step.title}: it failed`,
    why: messageOf(error),
    next: "Look at what it works on, then make a new plan: its checks find what was done.",
    details: { step: step.id },
    cause: error,
  });
}

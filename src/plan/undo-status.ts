import type { JsonObject } from "../base/json.ts";
import type { Instant } from "../base/time.ts";
import type { Actor, Event } from "../timeline/timeline.ts";
import type { PlanEvent } from "./events.ts";

/** `intended`: begun, and no outcome recorded. `nothing`: there was nothing to take back, and why. */
export type UndoStep = Readonly<{ step: string; at: Instant }> &
  (
    | Readonly<{ state: "intended" }>
    | Readonly<{ state: "undone"; outcome: JsonObject; tookMs: number }>
    | Readonly<{ state: "nothing"; why: string }>
    | Readonly<{ state: "failed"; code: string; message: string; why: string; next: string }>
  );

/**
 * How far the undoing of a plan that has ended came. As with the plan itself only the lease can say whether it is
 * running or interrupted. One that stopped may be begun again; what it had taken back stays so.
 */
export type UndoStatus = Readonly<{
  state: "running" | "interrupted" | "undone" | "stopped";
  by: Actor;
  how: "person" | "flag";
  startedAt: Instant;
  endedAt?: Instant;
  executor: string;
  /** In the order in which they were begun: the plan's last first. */
  steps: readonly UndoStep[];
  stopped?: Readonly<{ step: string; state: string; next: string }>;
}>;

export type UndoFold = UndoStatus & Readonly<{ token: number }>;

export function isTakenBack({ state }: UndoStep): boolean {
  return state === "undone" || state === "nothing";
}

/** The undoing after one more event; as it was where the event is not about it. */
export function applyUndo(fold: UndoFold | undefined, stored: Event): UndoFold | undefined {
  const { at, by } = stored;
  const event = stored as unknown as PlanEvent;
  if (event.kind === "plan.undo-started") {
    const { token, executor, how } = event.data;
    return {
      state: "running",
      by,
      how,
      startedAt: at,
      executor,
      token,
      steps: (fold?.steps ?? []).filter(isTakenBack),
    };
  }
  if (fold === undefined) return undefined;
  const withStep = (step: UndoStep): UndoFold => ({
    ...fold,
    steps: [...fold.steps.filter((known) => known.step !== step.step), step],
  });
  switch (event.kind) {
    case "plan.undo-resumed":
      return { ...fold, state: "running", token: event.data.token, executor: event.data.executor };
    case "step.undo-intended":
      return withStep({ step: event.data.step, at, state: "intended" });
    case "step.undone": {
      const { step, nothing, outcome, tookMs } = event.data;
      if (nothing !== undefined) return withStep({ step, at, state: "nothing", why: nothing });
      return withStep({ step, at, state: "undone", outcome, tookMs });
    }
    case "step.undo-failed":
      return withStep({ at, state: "failed", ...event.data });
    case "plan.undone":
      return { ...fold, state: "undone", endedAt: at };
    case "plan.undo-stopped":
      return { ...fold, state: "stopped", endedAt: at, stopped: event.data };
    default:
      return fold;
  }
}

import type { JsonObject } from "../base/json.ts";
import type { Plan } from "./plan.ts";

/**
 * The life of a plan, in the stream `plan/<id>`. The executor writes them; `status.ts` folds them.
 *
 *   plan.stored ─► plan.approved ─► plan.started ─► per step: step.intended ─► step.done | step.skipped | step.failed
 *                └► plan.discarded                └► plan.finished | plan.stopped      (plan.resumed after a crash)
 *
 * Anybody may ask one that runs to stop (`stop.ts`): plan.stop-requested.
 *
 * One that has ended may be undone (`undo.ts`):
 *
 *   plan.undo-started ─► per step, the last first: step.undo-intended ─► step.undone | step.undo-failed
 *                     └► plan.undone | plan.undo-stopped                     (plan.undo-resumed after a crash)
 */
export type PlanEvent =
  | { kind: "plan.stored"; data: { plan: Plan } }
  | { kind: "plan.approved"; data: { how: "person" | "policy" | "flag" } }
  | { kind: "plan.discarded"; data: { reason: string } }
  | { kind: "plan.started"; data: { token: number; executor: string } }
  | { kind: "plan.resumed"; data: { token: number; executor: string } }
  | { kind: "step.intended"; data: { step: string } }
  /** `already`: the world was as wanted before anything was done. */
  | { kind: "step.done"; data: { step: string; already: boolean; outcome: JsonObject; tookMs: number } }
  | { kind: "step.failed"; data: { step: string; code: string; message: string; why: string; next: string } }
  | { kind: "plan.finished"; data: { outcome: "done" | "done-with-failures" } }
  | { kind: "plan.stop-requested"; data: { reason: string } }
  /** `state`: in what state things were left, in words. */
  | { kind: "plan.stopped"; data: { step: string; state: string; next: string } }
  | { kind: "plan.undo-started"; data: { token: number; executor: string; how: "person" | "flag" } }
  | { kind: "plan.undo-resumed"; data: { token: number; executor: string } }
  | { kind: "step.undo-intended"; data: { step: string } }
  /** `nothing`: there was nothing to take back, and why. */
  | { kind: "step.undone"; data: { step: string; outcome: JsonObject; tookMs: number; nothing?: string } }
  | { kind: "step.undo-failed"; data: { step: string; code: string; message: string; why: string; next: string } }
  | { kind: "plan.undone"; data: JsonObject }
  | { kind: "plan.undo-stopped"; data: { step: string; state: string; next: string } };

import { BlackstartError } from "../../../base/error.ts";
import type { JsonObject } from "../../../base/json.ts";
import type { PlanStatus } from "../../../plan/status.ts";
import {
  assertUndoable,
  previewUndo,
  recordedUndo,
  type UndoPreview,
  type UndoResult,
  undoPlan,
} from "../../../plan/undo.ts";
import { agreed, executorOptions } from "../../carry-out.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { wrapped } from "../../output/layout.ts";
import { findPlan, stateText } from "./find.ts";

/** What was undone answers what is recorded; one that was interrupted goes on and needs no second confirmation. */
export async function undoCommand(context: CommandContext, options: { yes?: boolean }, id: string): Promise<Outcome> {
  const { out } = context;
  const plan = await findPlan(context, id);
  const executor = await executorOptions(context, plan.plan);
  const recorded = recordedUndo(plan, executor.handlers);
  if (recorded !== undefined) {
    out.text(`${plan.id}: ${stateText(plan)}. ${recorded.state}`);
    return { result: fieldsOf(recorded, previewUndo(plan, executor.handlers)) };
  }
  assertUndoable(plan, executor.handlers);
  const preview = previewUndo(plan, executor.handlers);
  show(context, plan, preview);
  const how = plan.undo?.state === "interrupted" ? undefined : await confirmed(context, plan, options.yes === true);
  const result = await undoPlan(executor, plan.id, context.actor, how);
  const { outcome, state, next } = result;
  const fields = fieldsOf(result, preview);
  if (outcome === "undone") {
    out.text(out.style.green(state));
    out.progress("Next: blackstart status");
    return { result: fields };
  }
  out.text(out.style.red("Stopped."), ...wrapped(state, out.layout.width, "  state: "));
  out.progress(`  next: ${next ?? `blackstart plan show ${plan.id}`}`);
  return { exitCode: 4, result: fields };
}

function fieldsOf({ planId, outcome, undone, state, next }: UndoResult, { stays }: UndoPreview): JsonObject {
  return {
    plan: planId,
    outcome,
    undone,
    stays: stays.map(({ step, why }) => ({ step: step.id, why })),
    state,
    ...(next === undefined ? {} : { next }),
  };
}

function show({ out }: CommandContext, plan: PlanStatus, { undo, stays }: UndoPreview): void {
  const { width } = out.layout;
  out.text(
    `${out.style.bold(`Undo: ${plan.plan.kind} ${plan.plan.subject.name}`)}  ${out.style.dim(plan.id)}`,
    `State: ${stateText(plan)}`,
    "Is taken back, in this order",
    ...undo.flatMap(({ step }, index) => wrapped(step.title, width, `  ${String(index + 1).padStart(2)}. `)),
  );
  if (stays.length === 0) return;
  out.text("Stays as it is", ...stays.flatMap(({ step, why }) => wrapped(`${step.title} [${why}]`, width, "   · ")));
}

/** Without a terminal nobody can be asked: then only `--yes` will do. */
async function confirmed(context: CommandContext, plan: PlanStatus, yes: boolean): Promise<"person" | "flag"> {
  if (yes) return "flag";
  const canAsk = context.out.interactive;
  if (canAsk && (await agreed(context, "Undo it?"))) return "person";
  throw new BlackstartError("NOT_CONFIRMED", {
    what: `The plan ${plan.id} was not undone${canAsk ? "." : ": it needs a confirmation."}`,
    why: canAsk ? "You did not confirm it." : "There is no terminal on which to ask for it.",
    next: canAsk ? "Nothing was changed." : "If it is right, call the same command with --yes.",
    details: { plan: plan.id },
  });
}

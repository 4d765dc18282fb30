import type { Outcome } from "../../command.ts";
import { carryOut, confirmed } from "../../carry-out.ts";
import type { CommandContext } from "../../context.ts";
import type { PlanStatus } from "../../../plan/status.ts";
import { wrapped } from "../../output/layout.ts";
import { findPlan, stateText } from "./find.ts";

/** The executor knows what was done already; a plan that was approved once needs no second confirmation. */
export async function resumeCommand(context: CommandContext, options: { yes?: boolean }, id: string): Promise<Outcome> {
  const outcome = await resume(context, options, id);
  if (outcome.exitCode === undefined) context.out.progress("Next: blackstart status");
  return outcome;
}

async function resume(context: CommandContext, options: { yes?: boolean }, id: string): Promise<Outcome> {
  const { out } = context;
  const plan = await findPlan(context, id);
  if (plan.stopped !== undefined && plan.state === "stopped") return hasStopped(context, plan, plan.stopped);
  if (plan.approved !== undefined) {
    out.progress(`${plan.id}: ${stateText(plan)}. It was approved by ${plan.approved.by.replace(/^person:/, "")}.`);
    return carryOut(context, plan.plan, undefined);
  }
  if (plan.state === "proposed") out.plan(plan.plan);
  const how =
    plan.state === "proposed" ? await confirmed(context, plan.plan, options.yes === true, "--yes") : undefined;
  return carryOut(context, plan.plan, how);
}

/** Says what state the plan left behind and what to do next. Carries out nothing. */
function hasStopped({ out }: CommandContext, plan: PlanStatus, left: NonNullable<PlanStatus["stopped"]>): Outcome {
  const { state, next } = left;
  out.text(`${plan.id} has ended, stopped half-way: it cannot be resumed.`);
  out.text(...wrapped(state, out.layout.width, "  state: "));
  out.progress(`  next: ${next}`);
  return { exitCode: 4, result: { plan: plan.id, outcome: "stopped", state, next } };
}

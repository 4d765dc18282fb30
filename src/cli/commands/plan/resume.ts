import type { Outcome } from "../../command.ts";
import { carryOut, confirmed } from "../../carry-out.ts";
import type { CommandContext } from "../../context.ts";
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
  if (plan.approved !== undefined) {
    out.progress(`${plan.id}: ${stateText(plan)}. It was approved by ${plan.approved.by.replace(/^person:/, "")}.`);
    return carryOut(context, plan.plan, undefined);
  }
  if (plan.state === "proposed") out.plan(plan.plan);
  const how = plan.state === "proposed" ? await confirmed(context, plan.plan, options.yes === true) : undefined;
  return carryOut(context, plan.plan, how);
}

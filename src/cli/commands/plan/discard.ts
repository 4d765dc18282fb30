import { discardPlan } from "../../../plan/discard.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { findPlan } from "./find.ts";

export async function discardCommand(context: CommandContext, id: string, words: readonly string[]): Promise<Outcome> {
  const plan = await findPlan(context, id);
  await discardPlan(await context.timeline(), plan.id, context.actor, words.join(" "));
  context.out.text(`${plan.id} is discarded.`);
  return { result: { plan: plan.id } };
}

import { pollUntil } from "../../../base/time.ts";
import { readPlan } from "../../../plan/status.ts";
import { requestStop } from "../../../plan/stop.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { findPlan, stateText } from "./find.ts";

/** The executor sees it within a moment, and ends what it has under way. */
const stoppedWithinMs = 15_000;

export async function stopCommand(context: CommandContext, id: string, words: readonly string[]): Promise<Outcome> {
  const { out, signal } = context;
  const timeline = await context.timeline();
  const plan = await findPlan(context, id);
  await requestStop(timeline, plan.id, context.actor, words.join(" "));
  const ended = await pollUntil(
    async () => {
      const now = await readPlan(timeline, plan.id);
      return now?.state === "running" ? undefined : now;
    },
    { everyMs: 50, timeoutMs: stoppedWithinMs, signal },
  );
  if (ended === undefined) {
    out.text(`${plan.id} is asked to stop, and is still at its step.`);
    out.progress(`Next: blackstart plan show ${plan.id}`);
    return { exitCode: 1, result: { plan: plan.id, outcome: "requested" } };
  }
  out.text(`${plan.id} is ${stateText(ended)}.`);
  if (ended.stopped !== undefined) {
    out.text(`  state: ${ended.stopped.state}`);
    out.progress(`  next: ${ended.stopped.next}`);
  }
  return { result: { plan: plan.id, outcome: ended.state, ...ended.stopped } };
}

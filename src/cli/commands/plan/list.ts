import { systemClock } from "../../../base/time.ts";
import type { JsonObject } from "../../../base/json.ts";
import { listPlans, type PlanStatus } from "../../../plan/status.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { ageText, counted } from "../../output/quantities.ts";
import { goOnWith, isInterrupted, isWaiting, stateText } from "./find.ts";

export async function listCommand(context: CommandContext, options: { all?: boolean }): Promise<Outcome> {
  const { out } = context;
  const every = (await listPlans(await context.timeline())).toReversed();
  const shown = options.all ? every : every.filter(isWaiting);
  const now = systemClock.now();
  for (const plan of shown) out.record({ plan: planJson(plan) });
  out.table(
    shown.map((plan) => [
      { text: plan.id, paint: out.style.bold },
      `${ageText(plan.plan.createdAt, now)} old`,
      { text: stateText(plan), paint: isInterrupted(plan) ? out.style.red : (text: string) => text },
    ]),
  );
  if (shown.length === 0)
    out.progress(every.length === 0 ? "There has been no plan yet." : "No plan waits for anybody.");
  const hidden = every.length - shown.length;
  if (hidden > 0) out.progress(`${counted(hidden, "ended plan")}: see --all.`);
  const interrupted = shown.find(isInterrupted);
  if (interrupted !== undefined) out.progress(`Next: ${goOnWith(interrupted)}`);
  return { result: { plans: shown.length } };
}

export function planJson(plan: PlanStatus): JsonObject {
  const { id, state, steps } = plan;
  return {
    id,
    kind: plan.plan.kind,
    subject: plan.plan.subject,
    incident: plan.plan.incident ?? null,
    createdAt: plan.plan.createdAt,
    state,
    steps: steps.map(({ step, ...status }) => ({ id: step.id, title: step.title, ...status })),
    ...(plan.stopped === undefined ? {} : { stopped: plan.stopped }),
    ...(plan.undo === undefined ? {} : { undo: plan.undo }),
  };
}

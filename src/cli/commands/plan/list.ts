import { BlackstartError } from "../../../base/error.ts";
import { systemClock } from "../../../base/time.ts";
import type { JsonObject } from "../../../base/json.ts";
import { listPlans, type PlanStatus } from "../../../plan/status.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { ageText, counted } from "../../output/quantities.ts";
import { look } from "../status/look.ts";
import { goOnWith, isInterrupted, isWaiting, stateText } from "./find.ts";
import { leftHalfWay, openPlans } from "./open.ts";

export async function listCommand(context: CommandContext, options: { all?: boolean }): Promise<Outcome> {
  const { out } = context;
  const every = (await listPlans(await context.timeline())).toReversed();
  const open = new Set(options.all ? [] : await openAmong(context, every));
  const shown = options.all ? every : every.filter(({ id }) => open.has(id));
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

/** What stopped half-way is open as long as `status` says so: then the cluster is looked at. Where it cannot be, as well. */
async function openAmong(context: CommandContext, every: readonly PlanStatus[]): Promise<readonly string[]> {
  const left = leftHalfWay(every);
  const waiting = every.filter(isWaiting);
  if (left.length === 0) return waiting.map(({ id }) => id);
  try {
    return openPlans(await look(context)).map(({ id }) => id);
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    return [...waiting, ...left].map(({ id }) => id);
  }
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

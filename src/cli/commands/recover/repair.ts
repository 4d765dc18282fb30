import type { PlanRequest } from "../../../plan/plan.ts";
import type { RecoveryContext } from "../../../recover/context.ts";
import { makeRecoveryPlan, unlessNothingWrong } from "../../../recover/plans.ts";
import { type ApplyOptions, proposeOrApply } from "../../carry-out.ts";
import type { Outcome } from "../../command.ts";
import { commandAgain } from "../../command-again.ts";
import type { CommandContext } from "../../context.ts";
import { incidentAbout } from "../../incident-about.ts";

export type RepairOptions = ApplyOptions & Readonly<{ incident?: string }>;

/** What the looks and the repairs work on. */
export async function recoveryRoom(context: CommandContext): Promise<RecoveryContext> {
  const { home } = context;
  return { system: await context.system(), fleet: await context.fleet(), timeline: await context.timeline(), home };
}

/** The incident that the data of this cluster belongs to. */
export async function incidentOfCluster(
  context: CommandContext,
  cluster: string,
  options: RepairOptions,
): Promise<string | undefined> {
  return incidentAbout(context, { kind: "cluster", name: cluster }, options.incident);
}

/** Plans the repair of one thing that is wrong, shows it, and carries it out with `--apply`. */
export async function repair(
  context: CommandContext,
  request: PlanRequest,
  incident: string | undefined,
  options: RepairOptions,
): Promise<Outcome> {
  const plan = await unlessNothingWrong(
    makeRecoveryPlan(
      { ...request, options: { ...request.options, ...(incident === undefined ? {} : { incident }) } },
      await recoveryRoom(context),
    ),
  );
  if (plan === undefined) {
    context.out.progress("What was found is right by now; there is nothing left to do.");
    return { exitCode: 0, result: {} };
  }
  const what = request.kind === "purge-cache" ? "cache" : "invariants";
  return proposeOrApply(context, plan, options, commandAgain(["recover", what, request.subject.name], options));
}

/** Of several repairs: what the worst of them ended with; and something found but not repaired is 1. */
export function worstOf(outcomes: readonly Outcome[], repaired: boolean): number {
  return Math.max(0, ...outcomes.map(({ exitCode }) => exitCode ?? 0), repaired ? 0 : 1);
}

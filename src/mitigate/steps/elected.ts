import type { CheckResult, StepContext } from "../../plan/handler.ts";
import { streamOfPlan } from "../../plan/status.ts";
import type { MitigationContext } from "../context.ts";
import { gatherFacts } from "../facts.ts";
import { type Elected, promotedSince } from "../promoted-since.ts";
import { text } from "./parameters.ts";

/* Whether an election still holds. What follows it at once need not ask; a plan that is resumed does. */

/** The runs in which it was elected. */
const electedIn = new WeakSet<object>();

export function notedElected({ run }: StepContext): void {
  electedIn.add(run);
}

/** Refused where another node may have been the primary since an earlier run of this plan elected this one. */
export async function refusedUnlessElected(
  context: MitigationContext,
  step: StepContext,
): Promise<CheckResult | undefined> {
  if (electedIn.has(step.run)) return undefined;
  const [node, { timeline }] = [text(step, "node"), step.parameters];
  if (typeof timeline === "number") return refusedIfPromotedSince(context, step, { node, timelineId: timeline });
  return refused(node, "this plan, of an older version, does not say on which timeline it was elected");
}

export async function refusedIfPromotedSince(
  context: MitigationContext,
  step: StepContext,
  elected: Pick<Elected, "node" | "timelineId">,
): Promise<CheckResult | undefined> {
  const { old } = step.parameters;
  const [facts, [stored]] = await Promise.all([
    gatherFacts(context, text(step, "cluster"), "silent"),
    context.timeline.read({ stream: streamOfPlan(step.planId), limit: 1 }),
  ]);
  const why = promotedSince(facts, {
    ...elected,
    ...(typeof old === "string" ? { old } : {}),
    plannedAt: stored?.position ?? 0,
  });
  return why === undefined ? undefined : refused(elected.node, why);
}

function refused(node: string, why: string): CheckResult {
  return {
    state: "refused",
    why: `Another node may have acknowledged writes since this plan was made, which ${node} lacks: ${why}.`,
    next: "See `blackstart status`, then make a new plan.",
  };
}

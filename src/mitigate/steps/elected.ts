import { millisecondsBetween, systemClock } from "../../base/time.ts";
import type { CheckResult, StepContext } from "../../plan/handler.ts";
import { streamOfPlan } from "../../plan/status.ts";
import type { MitigationContext } from "../context.ts";
import { gatherFacts } from "../facts.ts";
import { type Elected, promotedSince } from "../promoted-since.ts";
import { wayBack } from "./cut.ts";
import { wasFencedHere } from "./fenced.ts";
import { text } from "./parameters.ts";
import { fencedBy } from "./roles.ts";

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

/**
 * The same of the one that is being elected. What could not be told when the plan was made it was made without; only where
 * it was interrupted after its fence its verdict is older than that.
 */
export async function refusedIfOvertaken(
  context: MitigationContext,
  step: StepContext,
  node: string,
): Promise<CheckResult | undefined> {
  const isResumed = fencedBy(step) !== undefined && !wasFencedHere(step);
  return refusedIfPromotedSince(context, step, { node }, isResumed ? "refused" : "passes");
}

/** So long it is carried out by what was seen when it was made. Clients wait, and a person has only just decided. */
const newForMs = 60_000;

/** It was made a moment ago, and is carried out in one go. */
export async function isJustPlanned(
  { timeline, clock = systemClock }: MitigationContext,
  step: StepContext,
): Promise<boolean> {
  if (!wasFencedHere(step)) return false;
  const [stored] = await timeline.read({ stream: streamOfPlan(step.planId), limit: 1 });
  const ageMs = stored === undefined ? Number.POSITIVE_INFINITY : millisecondsBetween(stored.at, clock.now());
  return ageMs >= 0 && ageMs < newForMs;
}

async function refusedIfPromotedSince(
  context: MitigationContext,
  step: StepContext,
  elected: Pick<Elected, "node" | "timelineId">,
  unknown: "refused" | "passes" = "refused",
): Promise<CheckResult | undefined> {
  const [facts, [stored]] = await Promise.all([
    gatherFacts(context, text(step, "cluster"), "silent"),
    context.timeline.read({ stream: streamOfPlan(step.planId), limit: 1 }),
  ]);
  const old = fencedBy(step);
  const plannedAt = stored?.position ?? 0;
  const timelines = timelinesIn(step);
  const overtaken = promotedSince(facts, { ...elected, ...(old === undefined ? {} : { old }), plannedAt, timelines });
  if (overtaken === undefined || (!overtaken.isSeen && unknown === "passes")) return undefined;
  return refused(elected.node, overtaken.why, overtaken.isSeen || old === undefined ? "" : ` ${wayBack(step, old)}`);
}

/** As the planner found them; none in a plan of an older version. */
function timelinesIn({ parameters }: StepContext): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(parameters.timelines ?? {}).filter((one): one is [string, number] => typeof one[1] === "number"),
  );
}

function refused(node: string, why: string, back = ""): CheckResult {
  return {
    state: "refused",
    why: `Another node may have acknowledged writes since this plan was made, which ${node} lacks: ${why}.`,
    next: `See \`blackstart status\`, then make a new plan.${back}`,
  };
}

import { systemClock } from "../../base/time.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { Refusal } from "../../plan/plan.ts";
import { nodeFacts } from "../cluster-facts.ts";
import type { MitigationContext } from "../context.ts";
import { gatherFacts } from "../facts.ts";
import { refuseStart } from "../start-safety.ts";
import { text } from "./parameters.ts";

/* Whether a server that a plan has stopped may be started again as the primary. */

/**
 * A primary that was seen at work so long ago is the primary still, also where another node cannot be asked: that the
 * writes fail has to be noticed first, then somebody decides, and then promotes another. That takes a person longer; and it
 * is longer than a stop that waits in vain for the sender of a standby whose machine is gone (30 s), and the looks after it.
 * Afterwards, and in another run of the plan, whatever cannot be asked may have been promoted. Counted from the last look
 * before the stop, not from the end of a slow shutdown.
 */
const atWorkForMs = 45_000;

/** The runs that stop a primary: which one, and when it was last seen at work. */
const atWork = new WeakMap<object, Readonly<{ node: string; seenMs: number }>>();

const nowMs = ({ clock = systemClock }: MitigationContext): number => clock.monotonicMs();

/** To be called where it was just seen to be the primary, before it is stopped. */
export function notedAtWork(context: MitigationContext, step: StepContext): void {
  atWork.set(step.run, { node: text(step, "node"), seenMs: nowMs(context) });
}

function wasJustAtWork(context: MitigationContext, step: StepContext): boolean {
  const seen = atWork.get(step.run);
  return seen?.node === text(step, "node") && nowMs(context) - seen.seenMs < atWorkForMs;
}

/** Refused where another node may be a primary, or was one after it: this one would be a second, or a stale one. */
export async function refusedBeside(context: MitigationContext, step: StepContext): Promise<Refusal | undefined> {
  const wasAtWork = wasJustAtWork(context, step);
  const facts = await gatherFacts(context, text(step, "cluster"), "silent");
  const itself = nodeFacts(facts, text(step, "node"));
  return itself && refuseStart(facts, itself, wasAtWork);
}

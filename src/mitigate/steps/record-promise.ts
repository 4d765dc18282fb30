import { isAsRecorded } from "../../drivers/postgres/synchronous-names.ts";
import type { StepContext } from "../../plan/handler.ts";
import { type DatedPromise, type PromiseRecord, promiseSet, promisesOfNodes } from "../../timeline/promise-record.ts";
import type { MitigationContext } from "../context.ts";
import { text } from "./parameters.ts";

/**
 * `meant`: by default, what it was meant to be before. `isPending`: it is not set yet, and `from` is in force until it is.
 */
export type PromiseChange = Readonly<{
  from: string;
  to: string;
  meant?: string;
  isPending?: true;
  beforePromotion?: true;
}>;

/**
 * Remembers for whom commits wait on this primary now and for whom they are meant to, so that a promise that was lowered
 * is known as long as it is, and by which plan.
 */
export async function recordPromise(
  context: MitigationContext,
  step: StepContext,
  node: string,
  change: PromiseChange,
): Promise<void> {
  const cluster = text(step, "cluster");
  const last = await recordedPromise(context, step, node);
  const { from, to: setting, isPending, beforePromotion } = change;
  const meant = change.meant ?? meantBy(last, from);
  const isSettled = last === undefined || (last.meant === last.setting && last.replaces === undefined);
  // Nothing was lowered, and nothing is raised.
  const isNoNews = meant === setting && isSettled;
  if (isNoNews && !isPending && !beforePromotion) return;
  const data: PromiseRecord = {
    cluster,
    node,
    setting,
    meant,
    plan: step.planId,
    ...(isPending && { replaces: from }),
    ...(beforePromotion && { beforePromotion }),
  };
  await context.timeline.append(`cluster/${cluster}`, "any", [{ kind: promiseSet, by: "executor", data: { ...data } }]);
}

/** What was recorded last on this node; undefined where nothing was. */
export async function recordedPromise(
  context: MitigationContext,
  step: StepContext,
  node: string,
): Promise<DatedPromise | undefined> {
  const all = await promisesOfNodes(context.timeline, text(step, "cluster"));
  return all.find((one) => one.node === node);
}

/** What is meant to be in force where this is. */
export function meantBy(last: PromiseRecord | undefined, inForce: string): string {
  return last !== undefined && isAsRecorded(last, inForce) ? last.meant : inForce;
}

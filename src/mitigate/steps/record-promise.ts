import { isSameSetting } from "../../drivers/postgres/synchronous-names.ts";
import type { StepContext } from "../../plan/handler.ts";
import { type PromiseRecord, promiseSet, promisesOfNodes } from "../../timeline/promise-record.ts";
import type { MitigationContext } from "../context.ts";
import { text } from "./parameters.ts";

/**
 * Remembers for whom commits wait on this primary now and for whom they are meant to, so that a promise that was lowered
 * is known as long as it is. `meant`: by default, what it was meant to be before.
 */
export async function recordPromise(
  context: MitigationContext,
  step: StepContext,
  node: string,
  change: Readonly<{ from: string; to: string; meant?: string; beforePromotion?: true }>,
): Promise<void> {
  const cluster = text(step, "cluster");
  const all = await promisesOfNodes(context.timeline, cluster);
  const last = all.find((one) => one.node === node);
  const meant =
    change.meant ?? (last !== undefined && isSameSetting(last.setting, change.from) ? last.meant : change.from);
  // Nothing was lowered, and nothing is raised.
  if (meant === change.to && [last, all.at(-1)].every((one) => one === undefined || one.meant === one.setting)) return;
  const { to: setting, beforePromotion } = change;
  const data: PromiseRecord = {
    cluster,
    node,
    setting,
    meant,
    plan: step.planId,
    ...(beforePromotion && { beforePromotion }),
  };
  await context.timeline.append(`cluster/${cluster}`, "any", [{ kind: promiseSet, by: "executor", data: { ...data } }]);
}

import { isSameSetting } from "../../drivers/postgres/synchronous-names.ts";
import type { StepContext } from "../../plan/handler.ts";
import { type PromiseRecord, promiseSet, readPromises } from "../../timeline/promise-record.ts";
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
  change: Readonly<{ from: string; to: string; meant?: string }>,
): Promise<void> {
  const cluster = text(step, "cluster");
  const last = (await readPromises(context.timeline, [cluster])).get(cluster);
  const meant = change.meant ?? (isInForce(last, node, change.from) ? last.meant : change.from);
  // Nothing was lowered, and nothing is raised.
  if (meant === change.to && (last === undefined || last.meant === last.setting)) return;
  const data: PromiseRecord = { cluster, node, setting: change.to, meant, plan: step.planId };
  await context.timeline.append(`cluster/${cluster}`, "any", [{ kind: promiseSet, by: "executor", data: { ...data } }]);
}

function isInForce(last: PromiseRecord | undefined, node: string, setting: string): last is PromiseRecord {
  return last?.node === node && isSameSetting(last.setting, setting);
}

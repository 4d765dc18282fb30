import { BlackstartError } from "../../base/error.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import { cacheOf } from "../../system/names.ts";
import type { Cache } from "../../system/schema.ts";
import { lookAtCache } from "../cache.ts";
import type { LookContext, RecoveryContext } from "../context.ts";
import { incidentOfPlan } from "../incident-of-plan.ts";
import { recordRecovery } from "../record.ts";
import { purgeCache } from "./purge.ts";

/** The parameters of a `redis.purge` step. The cache's address is not among them: it may hold a password. */
export type PurgeParameters = Readonly<{
  cache: string;
  entries: Cache["entries"];
  keysPerSecond: number;
  removalsPerSecond: number;
  budget: number;
  settleMs: number;
  timeoutMs: number;
}>;

/**
 * Removes wrong entries. There is nothing to remember: an interrupted one starts anew and finds only what is still
 * wrong, so `check` is always ready.
 */
export function purgeHandler(context: RecoveryContext): StepHandler {
  return {
    kind: "redis.purge",
    check: async () => ({ state: "ready" }),
    async do(step) {
      const { cache, keysPerSecond, removalsPerSecond, budget, settleMs } = parametersOf(step);
      const result = await purgeCache(asApproved(context, step), cache, {
        keysPerSecond,
        removalsPerSecond,
        budget,
        settleMs,
        signal: step.signal,
        assertHeld: () => step.assertHeld(),
        progress: (line) => step.progress(line),
      });
      return { ...result };
    },
    async verify(step, outcome) {
      const { cache, keysPerSecond, settleMs } = parametersOf(step);
      const look = await lookAtCache(asApproved(context, step), cache, {
        keysPerSecond,
        settleMs,
        signal: step.signal,
      });
      const left = look.entries.reduce((sum, entry) => sum + entry.wrong + entry.orphaned, 0);
      const summary = `${outcome.removed} entries of the cache ${cache} removed, ${left} left`;
      const figures = { plan: step.planId, cache, removed: outcome.removed ?? 0, left };
      await recordRecovery(
        context.timeline,
        await incidentOfPlan(context.timeline, step.planId),
        "cache",
        summary,
        figures,
      );
      if (left === 0) return;
      throw new BlackstartError("STEP_FAILED", {
        what: `${left} entries of the cache ${cache} still do not match the database.`,
        why:
          outcome.budgetReached === true
            ? `The budget of ${outcome.removed} removals is used up.`
            : "They were written wrong again since: whoever fills the cache may read from a standby, or from memory.",
        next: "Plan it again for what is left; if they come back, look at who writes them.",
      });
    },
  };
}

/** The system as it is, with the entries that were approved. */
function asApproved(context: LookContext, step: StepContext): LookContext {
  const { cache, entries } = parametersOf(step);
  const declared = cacheOf(context.system, cache);
  const caches = { ...context.system.caches, [cache]: { ...declared, entries: [...entries] } };
  return { ...context, system: { ...context.system, caches } };
}

function parametersOf(step: StepContext): PurgeParameters {
  return step.parameters as unknown as PurgeParameters;
}

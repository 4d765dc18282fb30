import type { LookContext } from "../context.ts";
import { cacheOf } from "../../system/names.ts";
import { withCache } from "../cache.ts";
import { withPrimary } from "../primary.ts";
import { pacer, walkEntries, type WalkOptions } from "./walk.ts";

export type PurgeOptions = WalkOptions &
  Readonly<{
    /** Each removal is a miss, and each miss a query of the database: so many a second at most. */
    removalsPerSecond?: number;
    /** Removes no more than this; what is left is found again by the next run. */
    budget?: number;
    /** Called before each batch of removals; throws when nothing more may be changed. */
    assertHeld?: () => Promise<void>;
    progress?: (line: string) => void;
  }>;

export type PurgeResult = Readonly<{
  removed: number;
  /** Wrong at two looks, but another value was there when it was to be removed: left alone. */
  changedMeanwhile: number;
  /** The budget was used up: there may be more. */
  budgetReached: boolean;
  compared: number;
}>;

export const purgeDefaults = { removalsPerSecond: 500, budget: 1_000_000, batch: 100 } as const;

/**
 * Removes the entries that are wrong, each only if it still holds the wrong value. May be stopped anywhere and run
 * again: it finds what is still wrong and nothing else.
 */
export async function purgeCache(context: LookContext, name: string, options: PurgeOptions = {}): Promise<PurgeResult> {
  const declared = cacheOf(context.system, name);
  const budget = options.budget ?? purgeDefaults.budget;
  const rate = pacer(options.removalsPerSecond ?? purgeDefaults.removalsPerSecond, options.signal);
  let removed = 0;
  let changedMeanwhile = 0;
  let compared = 0;
  let budgetReached = false;
  await withCache(declared, async (cache) => {
    for (const entry of declared.entries) {
      const walk = { ...options, goOn: () => !budgetReached };
      const counts = await withPrimary(context, entry.cluster, {}, ({ connection }) =>
        walkEntries(cache, connection, { ...entry, name }, walk, async (wrong) => {
          for (let at = 0; at < wrong.length && !budgetReached; at += purgeDefaults.batch) {
            const part = wrong.slice(at, Math.min(at + purgeDefaults.batch, at + budget - removed));
            await rate(part.length);
            await options.assertHeld?.();
            const results = await cache.removeIfEqual(part);
            removed += results.filter(Boolean).length;
            changedMeanwhile += results.filter((each) => !each).length;
            budgetReached = removed >= budget;
            options.progress?.(`${removed} entries of ${name} removed`);
          }
        }),
      );
      compared += counts.compared;
    }
  });
  return { removed, changedMeanwhile, budgetReached, compared };
}

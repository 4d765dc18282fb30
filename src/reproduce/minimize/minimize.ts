import type { Configuration } from "../scenario/configuration.ts";
import { configurationKey } from "../trial/result.ts";
import { minimalSet, type Shows } from "./minimal-set.ts";
import { BudgetSpent, type Oracle } from "./oracle.ts";

export type Minimized = Readonly<{
  /** The smallest minimal set; undefined when the budget was spent before any was found. */
  minimal: Configuration | undefined;
  /** Every other minimal set that was found. */
  alternatives: readonly Configuration[];
  /** In no minimal set: they play no part. Empty while the search is not complete, for then it cannot be said. */
  redHerrings: Configuration;
  /** Of each factor that is only in an alternative: the others of that one. */
  onlyWith: Readonly<Record<string, Configuration>>;
  /** Whether all minimal sets are known, provided that more factors never hide the symptom. */
  complete: boolean;
}>;

/**
 * All minimal sets of the factors. The first by delta debugging; the others because a set that shares no factor with a choice
 * of one from each known set lies within what that choice leaves: so it is asked, for one choice after the other, whether
 * the rest still shows the symptom (R. Reiter's hitting-set tree, Artificial Intelligence 32, 1987).
 */
export async function minimize(factors: Configuration, oracle: Oracle): Promise<Minimized> {
  const shows: Shows = async (configuration) => (await oracle.decide(configuration)).interesting;
  const sets: Configuration[] = [];
  const asked = new Set<string>();
  const leftOut: Configuration[] = [[]];
  try {
    for (let choice = leftOut.shift(); choice !== undefined; choice = leftOut.shift()) {
      const key = configurationKey(choice);
      if (asked.has(key)) continue;
      asked.add(key);
      const out = new Set(choice);
      let set = sets.find((known) => known.every((factor) => !out.has(factor)));
      if (set === undefined) {
        const rest = factors.filter((factor) => !out.has(factor));
        if (!(await shows(rest))) continue;
        set = await minimalSet(rest, shows);
        if (!sets.some((known) => configurationKey(known) === configurationKey(set as Configuration))) sets.push(set);
      }
      for (const factor of set) leftOut.push([...choice, factor]);
    }
    return summary(factors, sets, true);
  } catch (error) {
    if (!(error instanceof BudgetSpent)) throw error;
    return summary(factors, sets, false);
  }
}

function summary(factors: Configuration, sets: readonly Configuration[], complete: boolean): Minimized {
  const sorted = sets.toSorted((one, other) => one.length - other.length);
  const [minimal, ...alternatives] = sorted;
  const inSome = new Set(sets.flat());
  const onlyWith: Record<string, Configuration> = {};
  for (const set of alternatives)
    for (const factor of set)
      if (!minimal?.includes(factor)) onlyWith[factor] ??= set.filter((other) => other !== factor);
  return {
    minimal,
    alternatives,
    redHerrings: complete ? factors.filter((factor) => !inSome.has(factor)) : [],
    onlyWith,
    complete,
  };
}

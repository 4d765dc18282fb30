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

/** A set within these that is likely to show the symptom; undefined: none is known. It is tried before it is believed. */
export type Guess = (factors: Configuration) => Promise<Configuration | undefined>;

const noGuess: Guess = () => Promise.resolve(undefined);

/**
 * All minimal sets of the factors. The first by delta debugging; the others because a set that shares no factor with a choice
 * of one from each known set lies within what that choice leaves: so it is asked, for one choice after the other, whether
 * the rest still shows the symptom (R. Reiter's hitting-set tree, Artificial Intelligence 32, 1987). What the oracle only
 * ruled out is tried in the end; where that was wrong, the search is made again without it.
 */
export async function minimize(factors: Configuration, oracle: Oracle, guess: Guess = noGuess): Promise<Minimized> {
  let sets: readonly Configuration[] = [];
  try {
    do {
      const found: Configuration[] = [];
      sets = found;
      await findSets(factors, oracle, guess, found);
    } while (!(await oracle.confirm()));
    return summary(factors, sets, true);
  } catch (error) {
    if (!(error instanceof BudgetSpent)) throw error;
    return summary(factors, sets, false);
  }
}

async function findSets(factors: Configuration, oracle: Oracle, guess: Guess, sets: Configuration[]): Promise<void> {
  const shows: Shows = async (configuration) => (await oracle.decide(configuration)).interesting;
  const asked = new Set<string>();
  const leftOut: Configuration[] = [[]];
  for (let choice = leftOut.shift(); choice !== undefined; choice = leftOut.shift()) {
    const key = configurationKey(choice);
    if (asked.has(key)) continue;
    asked.add(key);
    const out = new Set(choice);
    let set = sets.find((known) => known.every((factor) => !out.has(factor)));
    if (set === undefined) {
      const rest = factors.filter((factor) => !out.has(factor));
      if (!(await shows(rest))) continue;
      const likely = await guess(rest);
      set = await minimalSet(likely !== undefined && (await shows(likely)) ? likely : rest, shows);
      if (!sets.some((known) => configurationKey(known) === configurationKey(set as Configuration))) sets.push(set);
    }
    for (const factor of set) leftOut.push([...choice, factor]);
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

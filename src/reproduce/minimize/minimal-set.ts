import type { Configuration } from "../scenario/configuration.ts";

/** Whether a set of factors shows the symptom. */
export type Shows = (configuration: Configuration) => Promise<boolean>;

/**
 * A minimal set within `factors`, which together show the symptom: without any one of them it does not show. Delta
 * debugging by halves: what is not needed goes by halves, what is needed is found by halves (the recursion is that of
 * U. Junker, QuickXplain, AAAI 2004); for n factors of which k matter it asks about 2k·log₂(n/k) + 2k times.
 *
 * Where more factors may also hide the symptom, the halves may mislead it; so it is asked in the end of every one of the set
 * whether it is needed, and what is not is left out.
 */
export async function minimalSet(factors: Configuration, shows: Shows): Promise<Configuration> {
  let found = await within([], false, factors, shows);
  if (!(await shows(found))) found = factors; // The parts hid each other: only the whole is known to show it.
  for (const factor of found) {
    const without = found.filter((other) => other !== factor);
    if (await shows(without)) return minimalSet(without, shows);
  }
  return found;
}

/** The part of `factors` that is needed beside `given`. @param changed something was added to `given` just before */
async function within(
  given: Configuration,
  changed: boolean,
  factors: Configuration,
  shows: Shows,
): Promise<Configuration> {
  if (changed && (await shows(given))) return [];
  if (factors.length <= 1) return factors;
  const half = Math.ceil(factors.length / 2);
  const [first, second] = [factors.slice(0, half), factors.slice(half)];
  const ofSecond = await within([...given, ...first], true, second, shows);
  const ofFirst = await within([...given, ...ofSecond], ofSecond.length > 0, first, shows);
  return [...ofFirst, ...ofSecond];
}

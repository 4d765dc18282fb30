import { BlackstartError } from "../base/error.ts";
import type { TrialResult } from "./trial/result.ts";
import type { Needed } from "./trial/series.ts";
import type { Configuration } from "./scenario/configuration.ts";

export type Count = Readonly<{
  trials: number;
  reproduced: number;
  unresolved: number;
  /** Why the last that could not be carried out could not. */
  problem?: string;
}>;

/** Trials of one configuration; none are begun beyond what is needed. */
export type Trials = (needed: Needed) => AsyncIterable<TrialResult>;

/** What so many trials of a configuration showed. Those that could not be carried out do not count as trials. */
export async function count(trials: Trials, wanted: number): Promise<Count> {
  return tally(trials, (counted) => (counted.unresolved >= Math.max(3, wanted) ? 0 : wanted - counted.trials));
}

async function tally(trials: Trials, needed: (counted: Count) => number): Promise<Count> {
  let counted: Count = { trials: 0, reproduced: 0, unresolved: 0 };
  for await (const { outcome, moments } of trials(() => needed(counted))) {
    counted =
      outcome === "unresolved"
        ? { ...counted, unresolved: counted.unresolved + 1, problem: moments.at(-1)?.what ?? "" }
        : {
            ...counted,
            trials: counted.trials + 1,
            reproduced: counted.reproduced + (outcome === "reproduced" ? 1 : 0),
          };
    if (needed(counted) <= 0) break;
  }
  return counted;
}

/** The control run: without any factor. A symptom that shows there says nothing of the factors. */
export async function control(
  trials: (configuration: Configuration, needed: Needed) => AsyncIterable<TrialResult>,
  wanted: number,
): Promise<Count> {
  const counted = await count((needed) => trials([], needed), wanted);
  if (counted.reproduced > 0)
    throw new BlackstartError("SYMPTOM_UNFIT", {
      what: `The symptom shows without any of the factors, in ${counted.reproduced} of ${counted.trials} control trials.`,
      why: "What a healthy run shows as well says nothing of the factors.",
      next: "Make the symptom stricter (a longer silence, a more exact line), or move what breaks it into a factor.",
    });
  if (counted.trials < wanted)
    throw new BlackstartError("SYMPTOM_UNFIT", {
      what: `The scenario could not be carried out without its factors: ${counted.unresolved} trials failed.`,
      why: counted.problem ?? "The cluster, the workload or what is done in `afterwards` does not work by itself.",
      next: "See the moments of such a trial (--json shows them), and the logs that were kept.",
    });
  return counted;
}

/** Enough trials with all factors to know how often the symptom shows: fewer where it is clear, more where it is not. */
export async function reference(trials: Trials, low: (counted: Count) => number): Promise<Count> {
  const [least, most, clear] = [8, 24, 0.6];
  return tally(trials, (counted) => {
    if (counted.trials < least) return Math.min(least - counted.trials, most - counted.trials - counted.unresolved);
    if (counted.reproduced === 0 || low(counted) >= clear) return 0;
    const left = most - counted.trials - counted.unresolved;
    // So many, if all of them show it.
    for (let more = 1; more < left; more++) {
      const then = { ...counted, trials: counted.trials + more, reproduced: counted.reproduced + more };
      if (low(then) >= clear) return more;
    }
    return left;
  });
}

import { BlackstartError } from "../base/error.ts";
import type { TrialResult } from "./trial/result.ts";
import type { Configuration } from "./scenario/configuration.ts";

export type Count = Readonly<{
  trials: number;
  reproduced: number;
  unresolved: number;
  /** Why the last that could not be carried out could not. */
  problem?: string;
}>;

/** What so many trials of a configuration showed. Those that could not be carried out do not count as trials. */
export async function count(results: AsyncIterable<TrialResult>, wanted: number): Promise<Count> {
  return tally(results, ({ trials, unresolved }) => trials >= wanted || unresolved >= Math.max(3, wanted));
}

async function tally(results: AsyncIterable<TrialResult>, enough: (counted: Count) => boolean): Promise<Count> {
  let counted: Count = { trials: 0, reproduced: 0, unresolved: 0 };
  for await (const { outcome, moments } of results) {
    counted =
      outcome === "unresolved"
        ? { ...counted, unresolved: counted.unresolved + 1, problem: moments.at(-1)?.what ?? "" }
        : {
            ...counted,
            trials: counted.trials + 1,
            reproduced: counted.reproduced + (outcome === "reproduced" ? 1 : 0),
          };
    if (enough(counted)) break;
  }
  return counted;
}

/** The control run: without any factor. A symptom that shows there says nothing of the factors. */
export async function control(
  trials: (configuration: Configuration) => AsyncIterable<TrialResult>,
  wanted: number,
): Promise<Count> {
  const counted = await count(trials([]), wanted);
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
export async function reference(results: AsyncIterable<TrialResult>, low: (counted: Count) => number): Promise<Count> {
  const [least, most, clear] = [8, 24, 0.6];
  return tally(results, (counted) => {
    const { trials, reproduced, unresolved } = counted;
    if (trials >= least && (reproduced === 0 || low(counted) >= clear)) return true;
    return trials + unresolved >= most;
  });
}

import { BlackstartError } from "../base/error.ts";
import type { TrialResult } from "./trial/result.ts";
import type { Configuration } from "./scenario/configuration.ts";

export type Count = Readonly<{ trials: number; reproduced: number; unresolved: number }>;

/** What so many trials of a configuration showed. Those that could not be carried out do not count as trials. */
export async function count(results: AsyncIterable<TrialResult>, wanted: number): Promise<Count> {
  let [trials, reproduced, unresolved] = [0, 0, 0];
  if (wanted === 0) return { trials, reproduced, unresolved };
  for await (const { outcome } of results) {
    if (outcome === "unresolved") unresolved += 1;
    else trials += 1;
    if (outcome === "reproduced") reproduced += 1;
    if (trials >= wanted || unresolved >= Math.max(3, wanted)) break;
  }
  return { trials, reproduced, unresolved };
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
      why: "The cluster, the workload or what is done in `afterwards` does not work by itself.",
      next: "See the moments of such a trial (--json shows them), and the logs that were kept.",
    });
  return counted;
}

/** Enough trials with all factors to know how often the symptom shows: fewer where it is clear, more where it is not. */
export async function reference(results: AsyncIterable<TrialResult>, low: (counted: Count) => number): Promise<Count> {
  const [least, most, clear] = [8, 24, 0.6];
  let [trials, reproduced, unresolved] = [0, 0, 0];
  for await (const { outcome } of results) {
    if (outcome === "unresolved") unresolved += 1;
    else trials += 1;
    if (outcome === "reproduced") reproduced += 1;
    const counted = { trials, reproduced, unresolved };
    if (trials >= least && (reproduced === 0 || low(counted) >= clear)) break;
    if (trials + unresolved >= most) break;
  }
  return { trials, reproduced, unresolved };
}

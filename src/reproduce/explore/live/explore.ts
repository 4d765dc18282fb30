import type { Reproduction } from "../../reproduction.ts";
import { type Trouble, troublesOf } from "../../trial/rest.ts";
import type { TrialResult } from "../../trial/result.ts";
import type { Step } from "./faults.ts";
import { configurationOf } from "./scenario.ts";
import { type LiveExploration, type LiveSearchOptions, type Reached, searchLive } from "./search.ts";

/** A state in trouble, and in how many trials of its sequence the same trouble showed. */
export type LiveFinding = Reached & Readonly<{ trouble: Trouble; seen: number; trials: number }>;

export type LiveReport = LiveExploration & Readonly<{ findings: readonly LiveFinding[]; seconds: number }>;

export type LiveOptions = Omit<LiveSearchOptions, "tryOut"> &
  Readonly<{
    trials: Reproduction["trials"];
    /** A sequence that leads into trouble is carried out so often. */
    repeats: number;
    onRepeat?(faults: readonly Step[]): void;
  }>;

/** One that could not be carried out is tried once more before it is given up. */
const attempts = 2;

/** Searches, each sequence a trial, and repeats what it found: a state that shows once in three times is told as that. */
export async function exploreLive(options: LiveOptions): Promise<LiveReport> {
  const { trials, repeats, signal } = options;
  const startedMs = performance.now();
  const firstOf = async (faults: readonly Step[]) => {
    let why = "";
    for await (const { rest, moments } of limited(trials(configurationOf(faults)), attempts)) {
      if (rest !== undefined) return { rest };
      why = moments.at(-1)?.what ?? "";
    }
    return { why };
  };
  const exploration = await searchLive({ ...options, tryOut: firstOf });
  const findings: LiveFinding[] = [];
  for (const state of exploration.reached)
    for (const trouble of troublesOf(state.rest)) {
      if (!signal.aborted) options.onRepeat?.(state.faults);
      findings.push({ ...state, trouble, ...(await countOf(trouble, state.faults)) });
    }
  return { ...exploration, findings, seconds: (performance.now() - startedMs) / 1000 };

  async function countOf(trouble: Trouble, faults: readonly Step[]): Promise<{ seen: number; trials: number }> {
    let [seen, count] = [0, 0];
    try {
      for await (const { rest } of limited(trials(configurationOf(faults)), repeats)) {
        if (rest === undefined) continue;
        count += 1;
        if (troublesOf(rest).includes(trouble)) seen += 1;
      }
    } catch (error) {
      if (!signal.aborted) throw error; // Asked to end: it was seen once, or more often.
    }
    return { seen, trials: count };
  }
}

async function* limited(results: AsyncGenerator<TrialResult>, count: number): AsyncGenerator<TrialResult> {
  let left = count;
  for await (const result of results) {
    yield result;
    left -= 1;
    if (left <= 0) return;
  }
}

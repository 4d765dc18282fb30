import type { Reproduction } from "../../reproduction.ts";
import { type Rest, type Trouble, troublesOf } from "../../trial/rest.ts";
import type { TrialResult } from "../../trial/result.ts";
import type { Step } from "./faults.ts";
import { inParallel } from "./pool.ts";
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
  const { trials, repeats, onRepeat } = options;
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
  const troubled = exploration.reached.filter(({ rest }) => troublesOf(rest).length > 0);
  const repeated = await inParallel(troubled, options, async ({ faults }) => {
    onRepeat?.(faults);
    const rests: Rest[] = [];
    for await (const { rest } of limited(trials(configurationOf(faults)), repeats))
      if (rest !== undefined) rests.push(rest);
    return rests;
  });
  const findings = troubled.flatMap((state, index) =>
    // Ended before it was repeated, it was seen once all the same.
    troublesOf(state.rest).map((trouble) => findingOf(state, trouble, repeated[index] ?? [state.rest])),
  );
  return { ...exploration, findings, seconds: (performance.now() - startedMs) / 1000 };
}

function findingOf(state: Reached, trouble: Trouble, rests: readonly Rest[]): LiveFinding {
  const seen = rests.filter((rest) => troublesOf(rest).includes(trouble)).length;
  return { ...state, trouble, seen, trials: rests.length };
}

async function* limited(results: AsyncGenerator<TrialResult>, count: number): AsyncGenerator<TrialResult> {
  let left = count;
  for await (const result of results) {
    yield result;
    left -= 1;
    if (left <= 0) return;
  }
}

import type { TrialResult } from "../trial/result.ts";
import { BudgetSpent } from "./oracle.ts";

/** What a search may cost. */
export interface Budget {
  /** Before each decision. Throws BudgetSpent when there is to be none. */
  spend(): void;
  /** The same trials; throws BudgetSpent in the place of the next one when the time is over. */
  within(trials: AsyncIterable<TrialResult>): AsyncGenerator<TrialResult>;
}

/**
 * From now on. A decision may take an hour of its own, so the time is asked for between two trials too: what is cut short
 * then is no decision, and its trials are kept for the next run.
 * @param nowMs monotonic, in milliseconds
 */
export function createBudget(
  { decisions, timeMs }: Readonly<{ decisions: number; timeMs: number }>,
  nowMs: () => number,
): Budget {
  const endMs = nowMs() + timeMs;
  let left = decisions;
  const assertTime = () => {
    if (nowMs() > endMs) throw new BudgetSpent();
  };
  return {
    spend() {
      if (left-- <= 0) throw new BudgetSpent();
      assertTime();
    },
    async *within(trials) {
      for await (const trial of trials) {
        // One that was made is looked at, for it may decide.
        yield trial;
        assertTime();
      }
    },
  };
}

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { wilsonInterval } from "../../src/reproduce/statistics/interval.ts";
import {
  type SequentialTest,
  testFor,
  trialsWithoutSymptom,
  verdict,
} from "../../src/reproduce/statistics/sequential.ts";

describe("the interval of a probability", () => {
  // From the published tables of the Wilson score interval without continuity correction, 95 %.
  const known: readonly (readonly [successes: number, trials: number, low: number, high: number])[] = [
    [0, 10, 0, 0.2775],
    [10, 10, 0.7225, 1],
    [5, 10, 0.2366, 0.7634],
    [1, 10, 0.0179, 0.4042],
    [81, 263, 0.2553, 0.3662],
    [0, 0, 0, 1],
  ];
  for (const [successes, trials, low, high] of known)
    it(`${successes} of ${trials}`, () => {
      const [seenLow, seenHigh] = wilsonInterval(successes, trials);
      assert.ok(Math.abs(seenLow - low) < 5e-5, `low ${seenLow}`);
      assert.ok(Math.abs(seenHigh - high) < 5e-5, `high ${seenHigh}`);
    });
});

describe("the sequential test", () => {
  const tests: readonly SequentialTest[] = [
    { shows: 0.8, background: 0.1, error: 0.01 },
    { shows: 0.5, background: 0.05, error: 0.001 },
    testFor(0.6, 64, 0.01),
    testFor(0.1, 32, 0.05),
  ];
  for (const test of tests)
    it(`errs no more often than it says: ${JSON.stringify(test)}`, () => {
      assert.ok(wrongly(test, test.background, "interesting") <= test.error);
      assert.ok(wrongly(test, test.shows, "uninteresting") <= test.error);
      // Not vacuously: the nearer the truth is to the other side, the oftener it errs.
      assert.ok(wrongly(test, test.shows / 2, "uninteresting") > test.error);
    });

  it("decides at the first trial at which the evidence suffices, and not before", () => {
    const test: SequentialTest = { shows: 0.8, background: 0.1, error: 0.01 };
    assert.equal(verdict(test, 0, 0), "undecided");
    assert.equal(verdict(test, 2, 0), "undecided");
    assert.equal(verdict(test, 3, 0), "interesting");
    const needed = trialsWithoutSymptom(test);
    assert.equal(verdict(test, 0, needed - 1), "undecided");
    assert.equal(verdict(test, 0, needed), "uninteresting");
  });
});

/** The exact probability that this is said of something with this probability, by following every number of symptoms. */
function wrongly(test: SequentialTest, probability: number, said: "interesting" | "uninteresting"): number {
  let wrong = 0;
  let undecided = new Map([[0, 1]]);
  for (let trials = 1; trials <= 3000; trials++) {
    const next = new Map<number, number>();
    const add = (count: number, mass: number) => {
      const now = verdict(test, count, trials - count);
      if (now === said) wrong += mass;
      else if (now === "undecided") next.set(count, (next.get(count) ?? 0) + mass);
    };
    for (const [count, mass] of undecided) {
      add(count + 1, mass * probability);
      add(count, mass * (1 - probability));
    }
    undecided = next;
  }
  return wrong;
}

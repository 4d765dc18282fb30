import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { noPostgres } from "../support/postgres-versions.ts";
import { failureLines, report } from "./report.ts";
import { majors, nemesis } from "./run.ts";
import { scheduleOf } from "./schedule.ts";

/* A short run; `npm run nemesis` makes long ones, and does one again by its seed. */

const seeds = [1, 2, 3, 4, 5];

test("a seed fixes the whole schedule, and another gives another", () => {
  const choice = { majors: [15, 18], recipes: ["plain"] };
  assert.deepEqual(scheduleOf(7, choice), scheduleOf(7, choice));
  const different = new Set(Array.from({ length: 50 }, (_, seed) => JSON.stringify(scheduleOf(seed, choice))));
  assert.equal(different.size, 50);
});

describe("under random faults nothing is lost, there are never two primaries, and all comes to rest", {
  skip: noPostgres || (majors.includes(15) ? false : "there is no PostgreSQL 15"),
}, () => {
  const keep = mkdtempSync(join(tmpdir(), "nemesis-"));
  const random = Math.floor(Math.random() * 1_000_000) + 1000;
  const run = async (trials: number, seed: number) => {
    const outcomes = await nemesis({ trials, seed, jobs: 2, keep });
    const failures = outcomes.flatMap(failureLines);
    assert.equal(failures.length, 0, `\n${failures.join("\n")}\n${report(outcomes).join("\n")}`);
  };
  test(`seeds ${seeds.join(", ")}`, () => run(seeds.length, seeds[0] as number));
  test(`seed ${random}, taken at random`, () => run(1, random));
});

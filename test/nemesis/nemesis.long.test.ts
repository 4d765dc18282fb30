import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { noPostgres } from "../support/postgres-versions.ts";
import { failureLines, report } from "./report.ts";
import { nemesis } from "./run.ts";

const trials = 150;

test(`${trials} trials under random faults: nothing is lost, and all comes to rest`, {
  skip: noPostgres,
}, async (context) => {
  const seed = Math.floor(Math.random() * 1_000_000);
  // There is such a folder only where a trial failed.
  const keep = join(tmpdir(), `nemesis-${process.pid}`);
  const outcomes = await nemesis({ trials, seed, jobs: 2, keep });
  const said = report(outcomes).join("\n");
  context.diagnostic(`from seed ${seed}${said}`);
  const failures = outcomes.flatMap(failureLines);
  assert.equal(failures.length, 0, `from seed ${seed}\n${failures.join("\n")}\n${said}`);
});

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { noPostgres } from "../support/postgres-versions.ts";
import { type Evidence, judge } from "./judge.ts";
import { failureLines, report } from "./report.ts";
import { majors, nemesis } from "./run.ts";
import type { Truth } from "./rest.ts";
import { scheduleOf } from "./schedule.ts";

/* A short run; `npm run nemesis` makes long ones, and does one again by its seed. */

const seeds = [1, 2, 3, 4];

test("a seed fixes the whole schedule, and another gives another", () => {
  const choice = { majors: [15, 18], recipes: ["plain"] };
  assert.deepEqual(scheduleOf(7, choice), scheduleOf(7, choice));
  const different = new Set(Array.from({ length: 50 }, (_, seed) => JSON.stringify(scheduleOf(seed, choice))));
  assert.equal(different.size, 50);
});

describe("a trial is judged by the servers, not by what is said of them", () => {
  const node = (name: string, role: Truth["nodes"][number]["role"], follows: boolean) => ({
    name,
    role,
    follows,
    timeline: 1,
    said: "",
  });
  const whole: Truth = {
    writers: ["pg1"],
    clientsWrite: true,
    nodes: [node("pg1", "primary", false), node("pg2", "standby", true)],
  };
  const stray: Truth = { ...whole, nodes: [node("pg1", "primary", false), node("pg2", "standby", false)] };
  const evidence = {
    schedule: scheduleOf(1, { majors: [15], recipes: [] }),
    truth: whole,
    writes: [],
    lost: [],
    windows: [],
    hangs: [],
    branches: [],
    fencedWrites: [],
    unfelt: [],
    findings: [],
  };
  const told = {
    severity: "warning",
    subject: { kind: "node", name: "ledger/pg2" },
    title: "pg2 is gone",
    evidence: [],
  };
  const table: readonly [title: string, more: Partial<Evidence>, failure: RegExp | undefined][] = [
    ["all is well", {}, undefined],
    ["nobody takes writes", { truth: { ...whole, writers: [], clientsWrite: false } }, /no rest: no node takes writes/],
    ["two take writes", { truth: { ...whole, writers: ["pg1", "pg2"] } }, /pg1 and pg2 take writes/],
    ["no client gets there", { truth: { ...whole, clientsWrite: false } }, /no client's write gets there/],
    ["a standby does not follow, and nothing is said", { truth: stray }, /says nothing about pg2/],
    ["a standby does not follow, and that is said", { truth: stray, findings: [told] }, undefined],
    ["it was mitigated, and nobody noticed", { unfelt: [{ incident: "i", atMs: 1 }] }, /no client's write/],
    ["a standby has a branch of its own", { branches: ["the WAL of pg2 is no prefix"] }, /no prefix/],
  ];
  for (const [title, more, failure] of table)
    test(title, () => {
      const { failures } = judge({ ...evidence, ...more });
      if (failure === undefined) assert.deepEqual(failures, []);
      else assert.match(failures.join("\n"), failure);
    });
});

describe("under random faults nothing is lost, there are never two primaries, and all comes to rest", {
  skip: noPostgres || (majors.includes(15) ? false : "there is no PostgreSQL 15"),
}, () => {
  // There is such a folder only where a trial failed.
  const keep = join(tmpdir(), `nemesis-${process.pid}`);
  const run = async (trials: number, seed: number) => {
    const outcomes = await nemesis({ trials, seed, jobs: 2, keep });
    const failures = outcomes.flatMap(failureLines);
    assert.equal(failures.length, 0, `\n${failures.join("\n")}\n${report(outcomes).join("\n")}`);
  };
  test(`seeds ${seeds.join(", ")}`, () => run(seeds.length, seeds[0] as number));
});

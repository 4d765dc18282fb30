import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseScenario } from "../../src/reproduce/scenario/load.ts";
import { allFactors } from "../../src/reproduce/scenario/configuration.ts";
import { keepLogs } from "../../src/reproduce/trial/kept-logs.ts";
import { createSpares } from "../../src/lab/spares.ts";
import { makeTrialLab } from "../../src/reproduce/trial/trial-lab.ts";
import { runTrial } from "../../src/reproduce/trial/trial.ts";
import type { TrialResult } from "../../src/reproduce/trial/result.ts";
import type { Means } from "../../src/reproduce/trial/world.ts";
import { withFolder } from "../support/folder.ts";

/** Carries out a trial with all factors, and one without any, each in a cluster of its own. */
async function both(text: string): Promise<Record<"all" | "none", Omit<TrialResult, "sequence">>> {
  const scenario = parseScenario(text, { path: "scenario.yaml" });
  return withFolder(async (folder) => {
    await chmod(folder, 0o755);
    const spares = createSpares(folder);
    const means: Means = {
      scenarioFolder: folder,
      makeLab: (spec, signal) => makeTrialLab(spec, { folder, spares, scenarioFolder: folder }, signal),
      automate: () => assert.fail("no scenario here asks for it"),
      keepLogs: async (lab, { configuration }) => keepLogs(lab, join(folder, "logs", `of-${configuration.length}`)),
    };
    const { signal } = new AbortController();
    const all = await runTrial(scenario, allFactors(scenario), means, signal);
    const none = await runTrial(scenario, [], means, signal);
    await spares.close();
    assert.deepEqual(readdirSync(folder), ["logs"], "no cluster is left");
    for (const { logs } of [all, none]) assert.ok(logs !== undefined && existsSync(join(logs, "pg1-data.log")));
    return { all, none };
  });
}

describe("a trial", () => {
  const stories: readonly (readonly [symptom: string, text: string, seen: RegExp])[] = [
    [
      "no write is accepted for a while",
      `
scenario: dead
cluster: { standbys: [] }
factors: [{ id: kill, fault: kill-primary }]
symptom: { no-write-for: 300ms }`,
      /no write was accepted for \d+ ms: .*ECONNREFUSED/,
    ],
    [
      "no write is accepted from the beginning, because of a setting alone",
      `
scenario: alone
cluster: { standbys: [] }
factors: [{ id: ghost, settings: { synchronous_standby_names: ghost }, nodes: [pg1] }]
symptom: { no-write-for: 300ms }`,
      /no write was accepted/,
    ],
    [
      "acknowledged writes are lost",
      `
scenario: lost
cluster: { standbys: [asynchronous] }
factors:
  - { id: cut, sql: "alter system set primary_conninfo = ''", on: pg2 }
  - { id: reload, sql: select pg_reload_conf(), on: pg2 }
  - { id: wait, sql: select pg_sleep(0.2) }
afterwards:
  - { fault: kill-primary }
  - { promote: furthest }
symptom: { lost-writes: true }`,
      /^[1-9]\d* of \d+ acknowledged writes are not there/,
    ],
    [
      "at rest nobody takes writes, although a standby answers",
      `
scenario: blocked
cluster: { standbys: [asynchronous], proxied: true }
factors: [{ id: cut, fault: cut, on: one-primary }]
symptom: { at-rest: [blocked], within: 3s }`,
      /^at rest: pg1 primary, its network cut; pg2 standby; no write is accepted: \S/,
    ],
    [
      "at rest two nodes take writes",
      `
scenario: two
cluster: { standbys: [asynchronous] }
factors: [{ id: two, fault: two-primaries }]
symptom: { at-rest: [two-primaries], within: 3s }`,
      /pg1 primary; pg2 primary; writes are accepted; pg1 and pg2 both take writes$/,
    ],
    [
      "at rest acknowledged writes are lost, what follows being done at rest as well",
      `
scenario: lost-at-rest
cluster: { standbys: [asynchronous] }
workload: { every: 20ms }
factors:
  - { id: cut, sql: "alter system set primary_conninfo = ''", on: pg2 }
  - { id: reload, sql: select pg_reload_conf(), on: pg2 }
afterwards:
  - { fault: kill-primary, settled: 3s }
  - { promote: furthest }
symptom: { at-rest: [lost-writes], within: 3s }`,
      /[1-9]\d* of \d+ acknowledged writes are not there$/,
    ],
    [
      "a line stands in a log",
      `
scenario: logged
cluster: { standbys: [] }
factors: [{ id: kill, fault: kill-postmaster }, { id: again, heal: kill-postmaster }]
symptom: { log: "was not properly shut down" }`,
      /pg1 logged: was not properly shut down/,
    ],
    [
      "an invariant is violated",
      `
scenario: half
cluster: { standbys: [] }
workload:
  setup: create table entries (transfer bigint, amount int)
  write: ["insert into entries values ($1, -10)", "insert into entries values ($1, 10)"]
factors: [{ id: half, sql: "insert into entries values (0, -10)" }]
symptom:
  violated: select transfer from entries where transfer = 0 group by 1 having sum(amount) <> 0`,
      /1 rows violate it, the first: \{"transfer":"0"\}/,
    ],
    [
      "a statement fails",
      `
scenario: dropped
cluster: { standbys: [] }
workload: { setup: create table t () }
factors: [{ id: drop, sql: drop table t }]
symptom: { fails: select from t, sqlstate: 42P01 }`,
      /42P01/,
    ],
    [
      "a command says so",
      `
scenario: commanded
cluster: { standbys: [] }
factors: [{ id: mark, command: 'touch "$BLACKSTART_LAB_FOLDER/mark"' }]
symptom: { command: 'test -e "$BLACKSTART_LAB_FOLDER/mark"', within: 300ms }`,
      /the command ended with 0/,
    ],
    [
      "a program of the scenario's own does it, told to by a variable",
      `
scenario: programmed
cluster: { standbys: [] }
workload:
  programs: ['echo ready; while sleep 0.01; do test "$MARK" = yes && touch "$BLACKSTART_LAB_FOLDER/mark"; done']
factors: [{ id: told, environment: { MARK: "yes" } }]
symptom: { command: 'test -e "$BLACKSTART_LAB_FOLDER/mark"', within: 300ms }`,
      /the command ended with 0/,
    ],
  ];
  for (const [symptom, text, seen] of stories)
    it(`shows its symptom with the factors, and not without: ${symptom}`, async () => {
      const { all, none } = await both(text);
      assert.equal(all.outcome, "reproduced", JSON.stringify(all.moments));
      assert.equal(none.outcome, "not-reproduced", JSON.stringify(none.moments));
      assert.match(all.moments.at(-1)?.what ?? "", seen);
    });

  it("that cannot be carried out is unresolved, and says why", async () => {
    const { all, none } = await both(`
scenario: cannot
cluster: { standbys: [] }
factors: [{ id: wrong, sql: select nothing }]
symptom: { lost-writes: true }`);
    assert.equal(all.outcome, "unresolved");
    assert.match(all.moments.at(-1)?.what ?? "", /could not be carried out: .*nothing/);
    assert.equal(none.outcome, "not-reproduced");
  });
});

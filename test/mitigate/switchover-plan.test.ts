import assert from "node:assert/strict";
import { test } from "node:test";
import type { Following } from "../../src/drivers/postgres/following.ts";
import { planSwitchover } from "../../src/mitigate/planners/switchover.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, dead, facts, noChoice, remembered, system } from "./fixtures.ts";

/* pg2 takes over from pg1. pg3 is not quite well. */

const cases: readonly (readonly [Following, among: readonly string[], follow: readonly string[] | undefined])[] = [
  [{ kind: "follows" }, ["pg2", "pg3"], ["pg2", "pg3"]],
  [{ kind: "delayed", delayMs: 3_600_000 }, ["pg2", "pg3"], ["pg2", "pg3"]],
  [{ kind: "asks-later" }, ["pg2"], ["pg2", "pg3"]],
  [{ kind: "not-connected" }, ["pg2"], ["pg2", "pg3"]],
  [{ kind: "diverged", why: "it holds a branch" }, ["pg2"], undefined],
];

for (const [following, among, follow] of cases)
  test(`a switchover beside a standby of the kind ${following.kind}: whom commits may wait for, and who is led on`, () => {
    const seen = facts(alive("pg1", "primary"), alive("pg2", "standby"), { ...alive("pg3", "standby"), following });
    const made = planSwitchover(system(), seen, noChoice);
    assert.ok(!isRefusal(made));
    const parametersOf = (id: string) => made.steps.find((step) => step.id === id)?.parameters;
    assert.deepEqual(parametersOf("set-synchronous")?.among, among);
    assert.deepEqual(parametersOf("follow")?.nodes, follow);
    const said = made.risk.statements.filter((one) => one.includes("mitigate rejoin ledger/pg3"));
    assert.equal(said.length, follow === undefined ? 1 : 0);
  });

const running = { state: "running", pids: [1], standbySignal: true } as const;
const disk = { timelineId: 1, lsn: "0/3000000", ancestors: [], control: "1" } as const;
const starting = { reach: "starting", problem: "the database system is not accepting connections" } as const;

for (const [what, change, refused] of [
  ["does not answer, and no host says more", { reach: "silent", instance: undefined }, true],
  ["starts up, and may be a primary", { ...starting, instance: { ...running, standbySignal: false } }, true],
  [
    "starts up, in production",
    { ...starting, instance: running, onDisk: { ...disk, clusterState: "in production" } },
    true,
  ],
  [
    "lets nobody in, in archive recovery",
    { ...starting, instance: running, onDisk: { ...disk, clusterState: "in archive recovery" } },
    false,
  ],
  [
    "hangs, and was a standby",
    { reach: "silent", instance: running, remembered: remembered("pg3", { role: "standby" }) },
    false,
  ],
  ["is down", {}, false],
] as const)
  test(`a switchover beside a node that ${what} is ${refused ? "refused before anything is stopped" : "made"}`, () => {
    const { instance: _, ...rest } = dead("pg3");
    const pg3 =
      "instance" in change && change.instance === undefined ? { ...rest, reach: change.reach } : dead("pg3", change);
    const made = planSwitchover(system(), facts(alive("pg1", "primary"), alive("pg2", "standby"), pg3), noChoice);
    assert.equal(isRefusal(made) ? made.rule : undefined, refused ? "unknown-writer" : undefined);
  });

test("a switchover beside a standby whose promotion is pending is refused with that reason", () => {
  const pg3 = { ...alive("pg3", "standby"), promoting: true } as const;
  const made = planSwitchover(system(), facts(alive("pg1", "primary"), alive("pg2", "standby"), pg3), noChoice);
  assert.match(isRefusal(made) ? made.missing : "", /pg3: its promotion is pending/);
});

test("a cluster of one node: nothing is to be brought back", () => {
  const made = planSwitchover(system(), facts(alive("pg1", "primary")), noChoice);
  assert.match(isRefusal(made) ? made.provide : "", /only node that the system file declares/);
});

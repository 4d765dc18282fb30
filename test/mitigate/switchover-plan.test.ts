import assert from "node:assert/strict";
import { test } from "node:test";
import type { Following } from "../../src/drivers/postgres/following.ts";
import { planSwitchover } from "../../src/mitigate/planners/switchover.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, facts, noChoice, system } from "./fixtures.ts";

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

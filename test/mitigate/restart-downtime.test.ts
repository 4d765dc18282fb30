import assert from "node:assert/strict";
import { test } from "node:test";
import { planRestart } from "../../src/mitigate/planners/restart.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, dead, facts, noChoice, system } from "./fixtures.ts";

/* pg2 is the standby for which commits wait. */
for (const [title, standby, waits] of [
  [
    "a standby that is down keeps nobody waiting by being started",
    dead("pg2", { instance: { state: "down", pids: [], standbySignal: true } }),
    false,
  ],
  ["a standby that commits wait for does, while it restarts", alive("pg2", "standby"), true],
] as const)
  test(title, () => {
    const seen = facts(alive("pg1", "primary"), standby, alive("pg3", "standby"));
    const plan = planRestart(system(), seen, { ...noChoice, node: "pg2" });
    if (isRefusal(plan)) assert.fail(plan.missing);
    assert.equal(plan.risk.downtimeSeconds > 0, waits);
  });

for (const [title, primary, expected] of [
  ["a primary that runs writes a checkpoint first", alive("pg1", "primary"), "checkpoint stop start-pg1 verify-write"],
  [
    "where our role may not, it is restarted all the same",
    { ...alive("pg1", "primary"), rights: { role: "b", lacks: ["checkpoint"] } },
    "stop start-pg1 verify-write",
  ],
] as const)
  test(title, () => {
    const plan = planRestart(system(), facts(primary, alive("pg2", "standby")), { ...noChoice, node: "pg1" });
    if (isRefusal(plan)) assert.fail(plan.missing);
    assert.equal(plan.steps.map(({ id }) => id).join(" "), expected);
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { planRejoin } from "../../src/mitigate/planners/rejoin.ts";
import { planRestart } from "../../src/mitigate/planners/restart.ts";
import { planSwitchover } from "../../src/mitigate/planners/switchover.ts";
import { rehearse } from "../../src/mitigate/readiness/rehearse.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import * as fixtures from "./fixtures.ts";

/* A server that runs and refuses our password is not down, and no plan stops it or says that it does not stream. */

const { observation: _, following: _following, ...standby } = fixtures.alive("pg2", "standby");
const problem = 'Cannot log in to postgres://b@127.0.0.1:2: password authentication failed for user "b"';
const facts = fixtures.facts(
  fixtures.alive("pg1", "primary"),
  { ...standby, reach: "denied", lockedOut: true, problem },
  fixtures.alive("pg3", "standby"),
);

for (const [kind, plan] of Object.entries({ switchover: planSwitchover, rejoin: planRejoin, restart: planRestart }))
  test(`${kind}: a wrong password is named, with what to do about it`, () => {
    const refused = plan(fixtures.system(), facts, { ...fixtures.noChoice, node: "pg2" });
    assert.ok(isRefusal(refused), "a server that runs would be touched");
    assert.equal(refused.rule, "access");
    assert.match(refused.missing, /pg2 runs, and refuses our login: .*password authentication failed/);
    assert.match(refused.provide, /Correct the password of pg2/);
  });

test("failover without a synchronous standby that refuses our login: the password is to be corrected, nothing brought back", () => {
  const dead = fixtures.primaryDead();
  const nodes = dead.nodes.map((one) => facts.nodes.find((other) => one.node === "pg2" && other.node === "pg2") ?? one);
  const refused = planFailover(fixtures.system(), { ...dead, nodes }, fixtures.noChoice);
  assert.ok(isRefusal(refused));
  assert.match(refused.missing, /pg2 runs and refuses our login/);
  assert.match(refused.provide, /orrect our password for pg2/);
  assert.doesNotMatch(`${refused.missing} ${refused.provide}`, /pg2 cannot be reached|ring pg2 back/);
});

test("check --ready, where every login is refused, says so and what to do", () => {
  const all = ["pg1", "pg2", "pg3"].map(
    (node) => ({ ...standby, node, reach: "denied", lockedOut: true, problem }) as const,
  );
  const { findings } = rehearse(fixtures.system(), { ...facts, nodes: all });
  const said = JSON.stringify(findings[0]?.evidence);
  assert.match(said, /pg1 runs, and refuses our login/);
  assert.match(said, /Correct the password of pg1/);
});

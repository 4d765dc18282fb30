import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterFacts, NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, dead, facts, noChoice, remembered, system } from "./fixtures.ts";

/* What has to hold at the election, and who has every acknowledged write although another has received more. */

/** pg1 is dead; pg3 has received more than pg2. */
function seen(setting: string, change: Partial<NodeFacts> = {}, name?: string): ClusterFacts {
  const named = name === undefined ? {} : { applicationName: name };
  return facts(
    dead("pg1", { remembered: remembered("pg1", { synchronousStandbyNames: setting }), ...change }),
    { ...alive("pg2", "standby", { receiver: null }), ...named },
    { ...alive("pg3", "standby", { receiver: null, lsn: "0/3000100" }), ...named },
  );
}

const configured = (synchronousStandbyNames: string) => ({
  configured: { synchronousStandbyNames, synchronousCommit: "on" },
});

const behind = [
  ["each commit waited for both", seen("FIRST 2 (pg2, pg3)"), undefined],
  ["each waited for one of them", seen("ANY 1 (pg2, pg3)"), "acknowledged-writes"],
  ["both bear the one name, and each waited for one", seen("walreceiver", {}, "walreceiver"), "acknowledged-writes"],
  ["both bear it, and each waited for both", seen("FIRST 2 (walreceiver)", {}, "walreceiver"), undefined],
  ["its files ask for less", seen("FIRST 2 (pg2, pg3)", configured("FIRST 1 (pg2, pg3)")), "acknowledged-writes"],
  ["its files ask for more", seen("FIRST 1 (pg2, pg3)", configured("FIRST 2 (pg2, pg3)")), "acknowledged-writes"],
] as const;

for (const [name, at, rule] of behind)
  test(`the one that is behind is ${rule === undefined ? "obeyed" : "refused"}: ${name}`, () => {
    const made = planFailover(system(), at, { ...noChoice, node: "pg2" });
    assert.equal(isRefusal(made) ? made.rule : undefined, rule);
  });

const needed = [
  ["one of them may be silent", seen("FIRST 2 (pg2, pg3)"), ["pg2", "pg3"], 1],
  ["none may be silent", seen("ANY 1 (pg2, pg3)"), ["pg2", "pg3"], 0],
  ["nor where only its files say so", seen("FIRST 2 (pg2, pg3)", configured("FIRST 1 (pg2, pg3)")), ["pg2", "pg3"], 0],
  ["those of both settings count", seen("pg2", configured("pg3")), ["pg2", "pg3"], 0],
] as const;

for (const [name, at, of, missingMax] of needed)
  test(`at the election ${name}`, () => {
    const made = planFailover(system(), at, noChoice);
    if (isRefusal(made)) assert.fail(made.missing);
    const needs = made.steps.find(({ id }) => id === "elect")?.parameters.needs as {
      of?: string[];
      missingMax?: number;
    };
    assert.deepEqual(needs.of?.toSorted(), of);
    assert.equal(needs.missingMax, missingMax);
  });

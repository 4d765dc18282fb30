import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planRejoin } from "../../src/mitigate/planners/rejoin.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, ancestorsOf, dead, facts, noChoice, remembered, system } from "./fixtures.ts";

/* The clients were moved to pg2 (timeline 2), which died; then somebody started pg1, which had been cut off (timeline 1). */

const onDisk = (timelineId: number): Partial<NodeFacts> => ({
  onDisk: {
    timelineId,
    lsn: "0/3000100",
    ancestors: ancestorsOf(timelineId),
    control: "a",
    clusterState: "in production",
  },
});
const asPrimary = { ...remembered("pg2", { timelineId: 2 }), position: 9 };

for (const [what, pg2, acceptLoss, expected] of [
  ["was seen as the primary after it", dead("pg2", { ...onDisk(2), asPrimary }), false, "stale"],
  ["was seen so, and that is accepted", dead("pg2", { ...onDisk(2), asPrimary }), true, "needs a person"],
  ["was promoted, which nobody saw", dead("pg2", onDisk(2)), false, "needs a person"],
  ["is on a line that the primary left", dead("pg2", onDisk(1)), false, "planned"],
] as const)
  test(`a rejoin of a node that ${what}: ${expected}`, () => {
    const pg1 = { ...alive("pg1", "primary"), asPrimary: { ...remembered("pg1"), position: 5 } };
    const seen = facts(pg1, pg2, alive("pg3", "standby"));
    const made = planRejoin(system(), seen, { ...noChoice, node: "pg2", acceptLoss });
    const kind = isRefusal(made) ? made.rule : made.needsPerson === undefined ? "planned" : "needs a person";
    assert.equal(kind, expected);
  });

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

const marked = { instance: { state: "down", pids: [], standbySignal: true } } as const;
const beyond = { ...onDisk(1).onDisk!, lsn: "0/3000200" };
const before = { ...onDisk(1).onDisk!, lsn: "0/2FFFF00", clusterState: "shut down" };

for (const [what, node, lossBytes] of [
  ["was a primary beside this one, and crashed", dead("pg1", { onDisk: beyond }), null],
  ["was one, and nobody can read where it ended", dead("pg1"), null],
  ["was shut down before this one was promoted", dead("pg1", { onDisk: before }), 0],
  ["was fenced by a plan", dead("pg1", { onDisk: beyond, ...marked }), 0],
  ["has diverged", { ...alive("pg1", "standby"), following: { kind: "diverged", why: "" } as const }, null],
] as const)
  test(`the risk of a rejoin of a node that ${what}: ${lossBytes === 0 ? "nothing is lost" : "not known"}`, () => {
    const seen = facts(node, alive("pg2", "primary", { timelineId: 2, lsn: "0/3000300" }), alive("pg3", "standby"));
    const made = planRejoin(system(), seen, { ...noChoice, node: "pg1" });
    assert.equal(isRefusal(made) ? made.rule : made.risk.lossBytes, lossBytes);
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, ancestorsOf, dead, facts, noChoice, remembered, system } from "./fixtures.ts";

/* The failed primary answers as a standby, and pg3 does not answer: it may have been promoted while nobody looked. */

const standby = { receiver: null, settings: { ...alive("pg2", "standby").observation?.settings, primaryConninfo: "" } };
const onDisk = (timelineId: number): Partial<NodeFacts> => ({
  onDisk: {
    timelineId,
    lsn: "0/3000000",
    ancestors: ancestorsOf(timelineId),
    control: "a",
    clusterState: "in production",
  },
});

for (const [name, files, isPlanned] of [
  ["it wrote on no line of its own", onDisk(1), true],
  ["its files show that it was", onDisk(2), false],
] as const)
  test(`${isPlanned ? "one of the others is promoted" : "nobody is promoted"}: ${name}`, () => {
    const made = planFailover(
      system(),
      facts(
        { ...alive("pg1", "standby", standby as object), remembered: remembered("pg1") },
        { ...alive("pg2", "standby", standby as object), remembered: remembered("pg2", { role: "standby" }) },
        dead("pg3", { remembered: remembered("pg3", { role: "standby" }), ...files }),
      ),
      noChoice,
    );
    assert.equal(!isRefusal(made), isPlanned, isRefusal(made) ? made.missing : undefined);
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterFacts } from "../../src/mitigate/cluster-facts.ts";
import { withOtherWay } from "../../src/mitigate/planners/other-way.ts";
import { isRefusal, type Refusal } from "../../src/plan/plan.ts";
import { alive, facts, primaryDead, system } from "./fixtures.ts";

/* `allow_alter_system = off` on the standbys refuses the failover; nothing speaks against starting the dead primary. */

const refused: Refusal = { refused: true, rule: "alter-system", missing: "It is off.", provide: "Set it on." };

function providedBy(refusal: Refusal, seen: ClusterFacts): string {
  const answer = withOtherWay(refusal, system(), seen);
  assert.ok(isRefusal(answer));
  return answer.provide;
}

test("a failover that is refused names the restart of the dead primary", () => {
  assert.match(
    providedBy(refused, primaryDead()),
    /^Set it on[.] Or start pg1 again: `blackstart mitigate restart ledger\/pg1`[.]$/,
  );
});

test("not where that was said already, the primary is not seen down, or a start would be refused", () => {
  const said = { ...refused, provide: "Start it again: `blackstart mitigate restart`." };
  assert.equal(providedBy(said, primaryDead()), said.provide);
  const { instance } = primaryDead().nodes[0] ?? {};
  assert.ok(instance !== undefined);
  const table: readonly [title: string, seen: ClusterFacts][] = [
    ["it answers", facts(alive("pg1", "primary"), alive("pg2", "standby"))],
    ["it hangs", primaryDead({ instance: { ...instance, state: "running", pids: [1] } })],
    [
      "a standby has a later history",
      { ...primaryDead(), nodes: [...primaryDead().nodes, alive("pg4", "primary", { timelineId: 2 })] },
    ],
  ];
  for (const [title, seen] of table) assert.equal(providedBy(refused, seen), refused.provide, title);
});

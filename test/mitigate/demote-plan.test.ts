import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterFacts } from "../../src/mitigate/cluster-facts.ts";
import { planDemote } from "../../src/mitigate/planners/demote.ts";
import type { Choice } from "../../src/mitigate/planning.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, dead, facts, noChoice, system } from "./fixtures.ts";

/* Which of two primaries is stopped. The clients are pointed to pg1. */

const primary = (node: string, timelineId = 1) => alive(node, "primary", { timelineId });
const withoutAddress = ({ cluster, nodes }: ClusterFacts): ClusterFacts => ({ cluster, nodes });
/** Promoted from timeline 1, as the other one was. */
const sibling = (node: string, timelineId: number) => ({
  ...primary(node, timelineId),
  walEnd: { timelineId, lsn: "0/3000000", ancestors: [{ timelineId: 1, endLsn: "0/2000000" }] },
});
const withoutHost = () => {
  const { instance: _, ...node } = primary("pg2");
  return node;
};

type Case = readonly [name: string, seen: ClusterFacts, wanted: string, choice?: Partial<Choice>];

const cases: readonly Case[] = [
  ["one node only, which is the primary", facts(primary("pg1")), "already"],
  ["one primary", facts(primary("pg1"), alive("pg2", "standby")), "already"],
  ["no primary", facts(dead("pg1"), alive("pg2", "standby")), "already"],
  ["on one timeline, the one that the clients do not use", facts(primary("pg1"), primary("pg2")), "stops pg2"],
  ["on one timeline, and nobody knows the clients", withoutAddress(facts(primary("pg1"), primary("pg2"))), "which"],
  ["the older timeline", facts(primary("pg1", 2), primary("pg2", 1)), "stops pg2"],
  [
    "the older timeline, where nobody knows the clients",
    withoutAddress(facts(primary("pg1"), primary("pg2", 2))),
    "stops pg1",
  ],
  ["promoted by mistake beside the one that the clients use", facts(primary("pg1"), primary("pg2", 2)), "which"],
  ["the same, and a person says which", facts(primary("pg1"), primary("pg2", 2)), "stops pg2", { node: "pg2" }],
  ["the one that is not stale is named", facts(primary("pg1"), primary("pg2")), "stale", { node: "pg1" }],
  ["a standby is named", facts(primary("pg1"), primary("pg2"), alive("pg3", "standby")), "which", { node: "pg3" }],
  [
    "neither left the other's timeline, and nobody knows the clients",
    withoutAddress(facts(sibling("pg1", 2), sibling("pg2", 3))),
    "which",
  ],
  ["neither left the other's timeline: by the clients", facts(sibling("pg1", 2), sibling("pg2", 3)), "stops pg2"],
  ["three primaries", facts(primary("pg1"), primary("pg2"), primary("pg3")), "which"],
  ["it can be neither stopped nor cut off", facts(primary("pg1"), withoutHost()), "fence"],
];

for (const [name, seen, wanted, choice] of cases)
  test(`two primaries: ${name}: ${wanted}`, () => {
    const made = planDemote(system(), seen, { ...noChoice, ...choice });
    const got = isRefusal(made) ? made.rule : `stops ${made.subject.name.split("/")[1]}`;
    assert.equal(got, wanted);
    if (isRefusal(made)) {
      if (wanted === "which") assert.doesNotMatch(made.provide, /--node/, "the command takes the node as it stands");
      return;
    }
    const fence = made.steps[0];
    assert.deepEqual(
      [fence?.parameters.node, fence?.parameters.keeps],
      wanted === "stops pg2" ? ["pg2", "pg1"] : ["pg1", "pg2"],
    );
    assert.equal(made.risk.lossBytes, null, "what it alone has acknowledged needs a person");
  });

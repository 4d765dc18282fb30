import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { planRestart } from "../../src/mitigate/planners/restart.ts";
import { planUnfence } from "../../src/mitigate/planners/unfence.ts";
import { mayRunAlone } from "../../src/mitigate/policy.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { renderPlan } from "../../src/cli/output/render-plan.ts";
import { createStyle } from "../../src/cli/output/style.ts";
import { alive, dead, facts, noChoice, primaryDead, remembered, system } from "./fixtures.ts";

/* Commits that did not wait for the primary's own disk: its WAL does not say how many there were. */

const roleWithout: NodeFacts["commitSettings"] = [{ role: "app", database: null, level: "off" }];
const { synchronousCommit: _seen, ...levelUnseen } = remembered("pg1");
const byLevel = (synchronousCommit: string) => ({ remembered: remembered("pg1", { synchronousCommit }) });

for (const [what, old, commitSettings] of [
  ["off", byLevel("off"), []],
  ["local, and off for a role", byLevel("local"), roleWithout],
  [
    "local when it was seen, and off in its files",
    { ...byLevel("local"), configured: { synchronousStandbyNames: "pg2", synchronousCommit: "off" } },
    [],
  ],
  ["local, and a word that we do not know for a role", byLevel("local"), [{ ...roleWithout[0]!, level: "quorum" }]],
  ["a word that we do not know", byLevel("quorum"), []],
  ["not seen", { remembered: levelUnseen }, []],
  ["on, and what the roles have is not known", {}, undefined],
] as const)
  for (const [end, writtenLsn] of [
    ["ends where a standby's does", "0/3000100"],
    ["goes further", "0/3000180"],
    ["cannot be read", undefined],
  ] as const)
    test(`commits may not have waited for the disk (${what}), and its WAL ${end}: the loss cannot be known`, () => {
      const { nodes, ...seen } = primaryDead({ ...old, ...(writtenLsn === undefined ? {} : { writtenLsn }) });
      const told = nodes.map(
        ({ commitSettings: _own, ...node }): NodeFacts =>
          node.observation === undefined || commitSettings === undefined ? node : { ...node, commitSettings },
      );
      const all = { ...seen, nodes: told };
      const refusal = planFailover(system(), all, noChoice);
      assert.ok(isRefusal(refusal), "writes that were in memory alone would be lost without a word");
      assert.match(refusal.missing, /had in memory alone died with it/);
      assert.doesNotMatch(refusal.missing, /Whatever is lost stays/);
      assert.match(refusal.provide, /so that no more is lost than/);
      const made = planFailover(system(), all, { ...noChoice, acceptLoss: true });
      assert.equal(isRefusal(made) ? made.rule : made.risk.lossBytes, null);
    });

test("the end of its log says all of commits that waited for its disk", () => {
  const made = planFailover(system(), primaryDead({ ...byLevel("local"), writtenLsn: "0/3000100" }), noChoice);
  assert.equal(isRefusal(made) ? made.rule : made.risk.lossBytes, 0);
});

const down = (standbySignal = false) => ({ state: "down", pids: [], standbySignal }) as const;
const onDisk = (clusterState: string) => ({
  timelineId: 1,
  lsn: "0/3000100",
  ancestors: [],
  control: "a",
  clusterState,
});
const control = { timelineId: 1, checkpointLsn: "0/3000000", clusterState: "in production" } as NodeFacts["control"];
const standbyDown = dead("pg2", { instance: down(true), control, onDisk: onDisk("in archive recovery") });
const withRole = (level: string) =>
  primaryDead()
    .nodes.slice(1)
    .map((one) => ({ ...one, commitSettings: [{ role: "app", database: null, level }] }));
const old = (node: string, more: Partial<NodeFacts> = {}) => dead(node, { ...byLevel("off"), ...more });
const asStandby = (level: string) => ({
  ...alive("pg1", "standby", { lsn: "0/3000200", receiver: null }),
  asPrimary: remembered("pg1", { synchronousCommit: level }),
});
const standbys = primaryDead().nodes.slice(1);

type Case = readonly [what: string, says: RegExp | undefined, made: ReturnType<typeof planRestart>];
const restart = (...nodes: readonly NodeFacts[]) =>
  planRestart(system(), facts(...nodes), { ...noChoice, node: "pg1" });
const failover = (...nodes: readonly NodeFacts[]) => planFailover(system(), facts(...nodes), noChoice);
const unfence = (...nodes: readonly NodeFacts[]) =>
  planUnfence(system(), facts(...nodes), { ...noChoice, node: "pg1" });

const afterCrash: readonly Case[] = [
  ["a restart, after off", /= off: .* may be gone, whatever/, restart(old("pg1"), ...standbys)],
  ["a restart, after on", undefined, restart(dead("pg1", byLevel("on")), ...standbys)],
  ["a restart, after local", undefined, restart(dead("pg1", byLevel("local")), ...standbys)],
  [
    "a restart, after off for a role",
    /^role app .* may be gone/,
    restart(dead("pg1", byLevel("on")), ...withRole("off")),
  ],
  [
    "a restart, after what was not seen",
    /was not seen\. .* may be gone/,
    restart(dead("pg1", { onDisk: onDisk("in production") }), ...standbys),
  ],
  ["a restart after a shutdown in order", undefined, restart(old("pg1", { onDisk: onDisk("shut down") }), ...standbys)],
  ["a restart of a primary that answers", undefined, restart(alive("pg1", "primary"), alive("pg2", "standby"))],
  ["a restart of the whole cluster, after off", /= off: .* may be gone/, restart(old("pg1", { control }), standbyDown)],
  [
    "a restart of the whole cluster, where nobody says what the roles have",
    /no standby says\. .* may be gone/,
    restart(dead("pg1", { ...byLevel("on"), control }), standbyDown),
  ],
  [
    "a restart of standbys, the old primary among them",
    /= off: .* may be gone/,
    restart(old("pg1", { control, instance: down(true) }), standbyDown),
  ],
  ["a failover among standbys, after off", /= off: .* may be gone/, failover(asStandby("off"), ...standbys)],
  ["a failover among standbys, after on", undefined, failover(asStandby("on"), ...standbys)],
  [
    "a fence taken back, after off",
    /= off: .* may be gone/,
    unfence(old("pg1", { instance: down(true), onDisk: onDisk("in production") }), ...standbys),
  ],
];

for (const [what, says, made] of afterCrash)
  test(`${what}: ${says === undefined ? "nothing is lost" : "what the crash took is said, and no person is needed for it"}`, () => {
    if (isRefusal(made)) assert.fail(made.missing);
    assert.equal(made.risk.lossBytes, 0);
    const plan: Plan = { ...made, id: "p", createdAt: "2026-11-20T00:00:00.000Z" };
    const text = renderPlan(plan, createStyle(false), { width: 1000 }).join("\n");
    assert.equal(/no acknowledged write is lost/.test(text), says === undefined, text);
    if (says !== undefined) assert.match(made.risk.statements[0] ?? "", says);
    if (made.kind !== "restart" || made.needsPerson !== undefined) return;
    const policies = { ...system().mitigation, restart: "auto", rejoin: "auto" } as const;
    assert.deepEqual(mayRunAlone(policies, plan, ["node.down"], []), { runs: true });
  });

test("a restart of a primary that hangs kills it, and what it had in memory alone is lost with it", () => {
  const made = restart(
    old("pg1", { reach: "silent", instance: { state: "stopped-processes", pids: [1], standbySignal: false } }),
    ...standbys,
  );
  if (isRefusal(made)) assert.fail(made.missing);
  assert.equal(made.risk.lossBytes, null);
  assert.match(made.risk.statements[0] ?? "", /are lost when its processes are killed/);
});

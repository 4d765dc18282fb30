import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterFacts, NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planRestart } from "../../src/mitigate/planners/restart.ts";
import { refuseStart } from "../../src/mitigate/start-safety.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { cutBetween, cutOff, executorBehind } from "./cut.ts";
import { alive, ancestorsOf, dead, facts, noChoice, receiver, system } from "./fixtures.ts";
import { interruptBefore } from "./interrupt.ts";
import { on, onlyPrimary, signal } from "./servers.ts";
import { withSystemFile, withWorld } from "./world.ts";

/* A server is started as a primary only where no other can be one, or was one after it. */

/** Down, and its files say that it was on this timeline. */
function down(node: string, timelineId: number, more: Partial<NodeFacts> = {}): NodeFacts {
  const onDisk = {
    timelineId,
    lsn: "0/3000000",
    ancestors: ancestorsOf(timelineId),
    control: "a",
    clusterState: "in production",
  };
  const control = {
    systemIdentifier: "1",
    timelineId,
    clusterState: "in production",
    checkpointLsn: "0/3000000",
    redoLsn: "0/3000000",
    version: 150_000,
  };
  return dead(node, { onDisk, control, ...more });
}

const standbyMark = { instance: { state: "down", pids: [], standbySignal: true } } as const;
const { instance: _, ...hostless } = dead("pg3", { hostProblem: "no route" });
const otherBranch = down("pg3", 2, {
  onDisk: {
    timelineId: 2,
    lsn: "0/3000000",
    ancestors: [{ timelineId: 1, endLsn: "0/2000000" }],
    control: "a",
    clusterState: "in production",
  },
});
const streamsFrom = (senderPort: number) => ({
  receiver: receiver({ senderPort }),
  settings: { ...alive("pg3", "standby").observation!.settings, primaryConninfo: `host=127.0.0.1 port=${senderPort}` },
});
const quiet = { receiver: null };

const cases: readonly (readonly [name: string, seen: ClusterFacts, expected: string])[] = [
  ["its standbys wait for it", facts(down("pg1", 1), alive("pg2", "standby", quiet)), "starts pg1"],
  ["it is hung, and they stream from it", facts(down("pg1", 1), alive("pg2", "standby", streamsFrom(1))), "starts pg1"],
  ["another takes writes", facts(down("pg1", 1), alive("pg2", "primary", { timelineId: 2 })), "one-primary"],
  [
    "the promotion of another is pending",
    facts(down("pg1", 1), alive("pg2", "standby", quiet), { ...alive("pg3", "standby", quiet), promoting: true }),
    "promotion-pending",
  ],
  [
    "it runs, and the promotion of another is pending",
    facts(alive("pg1", "primary"), { ...alive("pg2", "standby", quiet), promoting: true }),
    "promotion-pending",
  ],
  [
    "a standby streams from a node that we cannot reach",
    facts(
      down("pg1", 1),
      { ...hostless, node: "pg2", address: "127.0.0.1:2" },
      alive("pg3", "standby", streamsFrom(2)),
    ),
    "unknown",
  ],
  [
    "a standby streams from a server that is not declared",
    facts(down("pg1", 1), alive("pg3", "standby", streamsFrom(9))),
    "primary-alive",
  ],
  [
    "a cascade: what it streams from is a standby that waits for this one",
    facts(down("pg1", 1), alive("pg2", "standby", quiet), alive("pg3", "standby", streamsFrom(2))),
    "starts pg1",
  ],
  [
    "a cascade, by the address that is declared for replication",
    facts(
      down("pg1", 1),
      { ...alive("pg2", "standby", quiet), addresses: ["127.0.0.1:2", "127.0.0.1:22"] },
      alive("pg3", "standby", streamsFrom(22)),
    ),
    "starts pg1",
  ],
  [
    "another was promoted too, at the same place, and died as a primary",
    facts(down("pg1", 2), alive("pg2", "standby", quiet), down("pg3", 2)),
    "stale",
  ],
  [
    "another was promoted too, elsewhere, and both call their timeline 2",
    facts(down("pg1", 2), alive("pg2", "standby", quiet), otherBranch),
    "stale",
  ],
  [
    "a standby is on a later timeline",
    facts(down("pg1", 1), alive("pg2", "standby", { ...quiet, timelineId: 2 })),
    "stale",
  ],
  [
    "a dead standby is on a later timeline",
    facts(down("pg1", 1), alive("pg2", "standby", quiet), down("pg3", 2, standbyMark)),
    "stale",
  ],
  [
    "a dead standby is on its timeline",
    facts(down("pg1", 2), alive("pg2", "standby", { ...quiet, timelineId: 2 }), down("pg3", 2, standbyMark)),
    "starts pg1",
  ],
  [
    "a standby was left behind on the timeline before",
    facts(down("pg1", 2), alive("pg2", "standby", quiet)),
    "starts pg1",
  ],
  ["a node whose host does not answer", facts(down("pg1", 1), alive("pg2", "standby", quiet), hostless), "unknown"],
  [
    "a node that its host sees running",
    facts(
      down("pg1", 1),
      alive("pg2", "standby", quiet),
      dead("pg3", { reach: "silent", instance: { state: "running", pids: [1], standbySignal: false } }),
    ),
    "unknown",
  ],
  [
    "a silent standby that somebody has promoted",
    facts(
      down("pg1", 1),
      alive("pg2", "standby", quiet),
      dead("pg3", {
        reach: "silent",
        instance: { state: "running", pids: [1], standbySignal: true, promoteSignal: true },
      }),
    ),
    "promotion-pending",
  ],
  [
    "nobody knows on which timeline a dead node was",
    facts(down("pg1", 1), alive("pg2", "standby", quiet), dead("pg3", standbyMark)),
    "unknown",
  ],
  [
    "all are down: the one that was promoted last",
    facts(down("pg1", 1), down("pg2", 2), down("pg3", 2, standbyMark)),
    "starts pg2",
  ],
  ["all are down: neither left the other's timeline", facts(down("pg1", 2), down("pg2", 2)), "one-primary"],
  ["all are down: a standby was promoted after", facts(down("pg1", 1), down("pg2", 2, standbyMark)), "stale"],
  ["all are down: one host does not answer", facts(down("pg1", 1), down("pg2", 1, standbyMark), hostless), "unknown"],
  ["all are down: only standbys are seen", facts(down("pg1", 1, standbyMark), hostless), "starts no primary"],
];

for (const [name, seen, expected] of cases)
  test(`start of pg1: ${name}: ${expected}`, () => {
    const made = planRestart(system(), seen, { ...noChoice, node: "pg1" });
    const step = isRefusal(made)
      ? undefined
      : made.steps.find(({ kind, parameters }) => kind === "postgres.start" && parameters.role === "primary");
    assert.equal(isRefusal(made) ? made.rule : `starts ${step?.parameters.node ?? "no primary"}`, expected);
  });

test("a primary that was at work a moment ago is not stale for a branch beside it, nor for a node that cannot be asked", () => {
  const pg1 = down("pg1", 1);
  const seen = facts(pg1, alive("pg2", "standby", quiet), down("pg3", 2, standbyMark), { ...hostless, node: "pg4" });
  assert.equal(refuseStart(seen, pg1)?.rule, "stale");
  assert.equal(refuseStart(seen, pg1, true), undefined);
  const taken = facts(pg1, alive("pg2", "primary", { timelineId: 2 }));
  assert.equal(refuseStart(taken, pg1, true)?.rule, "one-primary");
});

test("a primary that runs is restarted whoever cannot be asked: it is no other primary than a moment ago", () => {
  const made = planRestart(system(), facts(alive("pg1", "primary"), hostless), { ...noChoice, node: "pg1" });
  assert.equal(isRefusal(made), false);
});

test("a stale primary is not started beside a living one that is out of our reach", async () => {
  await withWorld({}, async (world) => {
    // Promoted by mistake and killed: it would come up as a primary.
    await on(world, "pg2", (connection) => connection.query("select pg_promote(true)"));
    await signal(world, "pg2", "SIGKILL");
    const port = world.lab.node("pg1").port;
    // Nothing answers there, and no host is declared: as behind a cut network.
    const cut = (text: string) =>
      text.replace(new RegExp(`(pg1:[\\s\\S]*?):${port}/([\\s\\S]*?)host: \\S+`), "$1:1/$2");
    await withSystemFile(world, cut, async (away) => {
      assert.equal(away.system.clusters.ledger?.nodes.pg1?.host, undefined);
      const refused = await away.plan("restart", "ledger/pg2");
      assert.ok(isRefusal(refused), "a second primary would be started");
      const failover = await away.plan("failover", "ledger");
      assert.ok(isRefusal(failover), "a healthy primary would be replaced");
      assert.doesNotMatch(`${failover.missing} ${failover.provide}`, /mitigate restart/);
    });
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

for (const interrupted of [true, false])
  test(`a primary that a restart has stopped, beside nodes that cannot be asked: ${interrupted ? "a plan that is resumed leaves it down" : "it is started again at once"}`, () =>
    withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (world) => {
      const plan = await world.plan("restart", "ledger/pg1");
      if (isRefusal(plan)) assert.fail(plan.missing);
      await world.executor.store(plan, "person:test");
      if (interrupted) {
        await interruptBefore(world, plan, "start-pg1");
        await on(world, "pg2", (connection) => connection.query("select pg_promote(true)"));
      }
      const cut = cutBetween();
      cutOff(cut, "pg2", "pg3");
      const result = await executorBehind(world, cut).run(plan.id, "person:test", "person");
      assert.equal(await onlyPrimary(world), interrupted ? "pg2" : "pg1");
      assert.equal(result.outcome, interrupted ? "stopped" : "done", result.state);
      if (interrupted) assert.match(result.state, /pg2 does not answer.*it may be the primary/);
    }));

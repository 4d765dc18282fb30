import assert from "node:assert/strict";
import { appendFileSync, existsSync } from "node:fs";
import { describe, test } from "node:test";
import type { WalEnd } from "../../src/drivers/postgres/history.ts";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { planUnfence } from "../../src/mitigate/planners/unfence.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import * as fixtures from "./fixtures.ts";
import { on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { withWorld } from "./world.ts";

const first: WalEnd = { timelineId: 1, lsn: "0/3000000", ancestors: [] };
const second: WalEnd = { timelineId: 2, lsn: "0/3000200", ancestors: [{ timelineId: 1, endLsn: "0/3000000" }] };
const onDisk = (end: WalEnd) => ({ ...end, control: "", clusterState: "in production" });
const marked = { state: "down", pids: [], standbySignal: true } as const;
const fenced = (change: Partial<NodeFacts> = {}) =>
  fixtures.dead("pg1", { instance: marked, onDisk: onDisk(first), remembered: fixtures.remembered("pg1"), ...change });
const standby = (node: string, walEnd: WalEnd = first) => ({ ...fixtures.alive(node, "standby"), walEnd });
const { instance: _, ...unseen } = fixtures.dead("pg2", { reach: "silent", hostProblem: "no host" });

const inRecovery = { ...onDisk(first), clusterState: "in archive recovery" };
const waits = (instance: object): NodeFacts => ({
  ...unseen,
  reach: "starting",
  instance: { state: "running", pids: [1], standbySignal: true, ...instance },
  onDisk: inRecovery,
});

const rows: readonly (readonly [title: string, nodes: readonly NodeFacts[], expected: string])[] = [
  [
    "fenced, and nobody promoted",
    [fenced(), standby("pg2"), standby("pg3")],
    "unmark, start-pg1, follow, move-clients, verify-write",
  ],
  [
    "all down",
    [fenced(), fixtures.dead("pg2", { onDisk: onDisk(first) }), fixtures.dead("pg3", { onDisk: onDisk(first) })],
    "unmark, start-pg1, move-clients, verify-write",
  ],
  [
    "the promotion of another is pending",
    [fenced(), { ...standby("pg2"), promoting: true }, standby("pg3")],
    "promotion-pending",
  ],
  ["another was promoted", [fenced(), fixtures.alive("pg2", "primary"), standby("pg3")], "one-primary"],
  ["another was promoted, and is a standby again", [fenced(), standby("pg2", second), standby("pg3")], "history"],
  [
    "another was promoted, and is down",
    [fenced(), fixtures.dead("pg2", { onDisk: onDisk(second) }), standby("pg3")],
    "history",
  ],
  [
    "both were promoted, and both call their timeline 2",
    [
      fenced({ onDisk: onDisk(second) }),
      standby("pg2", { ...second, ancestors: [{ timelineId: 1, endLsn: "0/2000000" }] }),
      standby("pg3"),
    ],
    "history",
  ],
  ["another may have been promoted", [fenced(), unseen, standby("pg3")], "others-unknown"],
  [
    "it hangs, and nobody was promoted",
    [fenced({ reach: "silent", instance: { ...marked, state: "running", pids: [1] } }), standby("pg2")],
    "unmark, stop-pg1, start-pg1, follow, move-clients, verify-write",
  ],
  [
    "its supervisor has started it again, as the standby that it is marked as",
    [fenced({ reach: "starting", instance: { ...marked, state: "running", pids: [1] } }), standby("pg2")],
    "unmark, stop-pg1, start-pg1, follow, move-clients, verify-write",
  ],
  [
    "the only standby lets nobody in, and waits for it",
    [fenced(), waits({})],
    "unmark, start-pg1, move-clients, verify-write",
  ],
  ["the standby that lets nobody in is being promoted", [fenced(), waits({ promoteSignal: true })], "others-unknown"],
  ["not marked", [fenced({ instance: { ...marked, standbySignal: false } }), standby("pg2")], "already"],
  ["a standby", [standby("pg1"), standby("pg2")], "already"],
  ["without a host", [{ ...unseen, node: "pg1" }, standby("pg2")], "host"],
  [
    "a living primary with the mark",
    [
      { ...fixtures.alive("pg1", "primary"), instance: { state: "running", pids: [1], standbySignal: true } },
      standby("pg2"),
    ],
    "unmark",
  ],
];

test("beside a standby that lets nobody in, a person has the say: its promotion may be pending", () => {
  const seen = fixtures.facts(fenced(), waits({}));
  const plan = planUnfence(fixtures.system(), seen, { ...fixtures.noChoice, node: "pg1" });
  assert.ok(!isRefusal(plan));
  assert.match(plan.needsPerson ?? "", /^pg2 does not answer/);
  assert.match(plan.risk.statements.join(" "), /Whether a promotion of pg2 is pending cannot be seen/);
});

describe("a fence is taken back", () => {
  for (const [title, nodes, expected] of rows)
    test(`${title}: ${expected}`, () => {
      const plan = planUnfence(fixtures.system(), fixtures.facts(...nodes), { ...fixtures.noChoice, node: "pg1" });
      assert.equal(isRefusal(plan) ? plan.rule : plan.steps.map(({ id }) => id).join(", "), expected);
    });
});

test("a failover that stopped after its fence: the old primary is the primary again", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger", { acceptLoss: true });
    assert.ok(!isRefusal(plan));
    await world.executor.store(plan, "person:test");
    await signal(world, "pg2", "SIGKILL");
    const stopped = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(stopped.outcome, "stopped");
    const mark = `${world.lab.node("pg1").dataDirectory}/standby.signal`;
    assert.ok(existsSync(mark), "the fence was done");
    const result = await world.act("unfence", "ledger/pg1");
    assert.equal(result.outcome, "done", result.state);
    assert.equal(await onlyPrimary(world), "pg1");
    assert.equal(existsSync(mark), false);
  }));

test("standbys that a failover had aimed at nobody before it stopped find the old primary again", () =>
  withWorld({}, async (world) => {
    const instance = await world.fleet.instance("ledger", "pg1");
    assert.ok(instance);
    await signal(world, "pg1", "SIGKILL");
    await until("pg1 is down", async () => (await instance.inspect()).state === "down");
    await instance.markStandby();
    for (const node of ["pg2", "pg3"])
      await on(world, node, async (connection) => {
        const conninfo = `host=127.0.0.1 port=1 user=replicator application_name=${node}`;
        await connection.query(`alter system set primary_conninfo = '${conninfo}'`);
        await connection.query("select pg_reload_conf()");
      });
    const result = await world.act("unfence", "ledger/pg1");
    assert.equal(result.outcome, "done", result.state);
    assert.deepEqual(await streaming(world, "pg1"), ["pg2", "pg3"]);
  }));

test("a living primary with the mark of a fence loses it, and goes on serving", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const mark = `${world.lab.node("pg1").dataDirectory}/standby.signal`;
    appendFileSync(mark, "");
    const before = await startedAt(world);
    const result = await world.act("unfence", "ledger/pg1");
    assert.equal(result.outcome, "done", result.state);
    assert.equal(existsSync(mark), false);
    assert.equal(await startedAt(world), before);
  }));

async function startedAt(world: Parameters<typeof on>[0]): Promise<string> {
  const [row] = await on(world, "pg1", (connection) =>
    connection.query<{ at: string }>("select pg_postmaster_start_time()::text as at"),
  );
  return row?.at ?? "";
}

import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ClusterFacts, NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { lossVerdict } from "../../src/mitigate/loss.ts";
import { planFailover } from "../../src/mitigate/planners/failover.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { clusterOf } from "../../src/system/names.ts";
import { on, signal, until } from "./servers.ts";
import { withWorld } from "./world.ts";
import { alive, ancestorsOf, dead, facts, noChoice, remembered, system } from "./fixtures.ts";

/* What is said of acknowledged writes counts everything by which the old primary may have run. */

const degraded = {
  cluster: "ledger",
  node: "pg1",
  setting: "",
  meant: "FIRST 1 (pg2)",
  plan: "degrade-1",
  at: "2026-11-20T00:00:00.000Z",
  position: 9,
};
const pg1 = (position: number, more: Partial<NodeFacts> = {}): NodeFacts =>
  dead("pg1", { remembered: { ...remembered("pg1"), position }, ...more });
const seen = (old: NodeFacts): ClusterFacts => facts(old, alive("pg2", "standby"), alive("pg3", "standby"));

for (const [what, old, lowered, kind] of [
  ["a plan gave the promise up since it was last seen", pg1(8), degraded, "possible"],
  ["it was seen to wait again since", pg1(10), degraded, "none"],
  ["a plan was about to, and it was seen to wait still", pg1(10), { ...degraded, replaces: "pg2" }, "possible"],
  ["a plan did so on another node", pg1(8), { ...degraded, node: "pg2" }, "none"],
  [
    "its files say what we do not understand",
    pg1(8, { configured: { synchronousStandbyNames: "FIRST 1 (", synchronousCommit: "on" } }),
    undefined,
    "unknown",
  ],
] as const)
  test(`acknowledged writes, where ${what}: ${kind}`, () => {
    const all = { ...seen(old), ...(lowered === undefined ? {} : { promises: [lowered] }) };
    assert.equal(lossVerdict(clusterOf(system(), "ledger"), all, old).kind, kind);
  });

for (const [what, beforePromotion, kind] of [
  ["on a primary", {}, "none"],
  ["on a standby, and may have stopped before it promoted it", { beforePromotion: true }, "possible"],
  ["on a primary, or was about to, instead of pg2,", { replaces: "ANY 1 (pg2)" }, "possible"],
] as const)
  test(`acknowledged writes, where nothing is remembered, pg2 is lost, and a plan set ${what} what its files say: ${kind}`, () => {
    const set = { ...degraded, setting: "ANY 1 (pg3)", meant: "ANY 1 (pg2, pg3)", ...beforePromotion };
    const old = dead("pg1", { configured: { synchronousStandbyNames: "ANY 1 (pg3)", synchronousCommit: "on" } });
    const all = { ...facts(old, dead("pg2"), alive("pg3", "standby")), promises: [set] };
    assert.equal(lossVerdict(clusterOf(system(), "ledger"), all, old).kind, kind);
  });

const written = pg1(8, { remembered: { ...remembered("pg1"), synchronousCommit: "remote_write" } });
const lsns = (receivedLsn: string | null, replayedLsn: string) => alive("pg2", "standby", { receivedLsn, replayedLsn });

for (const [what, pg2, kind] of [
  ["went on receiving", lsns("0/3000000", "0/3000000"), "none"],
  ["has received since it was started anew", lsns("0/3000000", "0/2FFFF00"), "none"],
  ["was started anew, and has received nothing that it did not have", lsns("0/2000000", "0/3000000"), "possible"],
  ["was started anew, and has no receiver", lsns(null, "0/3000000"), "possible"],
] as const)
  test(`acknowledged writes under remote_write, where the standby ${what}: ${kind}`, () => {
    const all = facts(written, pg2, alive("pg3", "standby"));
    assert.equal(lossVerdict(clusterOf(system(), "ledger"), all, written).kind, kind);
  });

test("a node that was promoted while nobody looked, and died, is the old primary: what it acknowledged is not forgotten", () => {
  const onDisk = {
    timelineId: 2,
    lsn: "0/3000100",
    ancestors: ancestorsOf(2),
    control: "a",
    clusterState: "in production",
  };
  const made = planFailover(
    system(),
    facts(
      dead("pg1", { remembered: remembered("pg1") }),
      alive("pg2", "standby", { receiver: null }),
      dead("pg3", { onDisk }),
    ),
    noChoice,
  );
  assert.ok(isRefusal(made), "pg2 would be promoted, as if pg3 had never been");
  assert.match(made.missing, /pg3/);
});

test("WAL that is used up to its last byte is not taken for all that was written", async () => {
  await withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const ask = (node: string, query: string) => on(world, node, (one) => one.query<{ at: string }>(query));
    const [last] = await ask("pg1", "select pg_walfile_name(pg_current_wal_insert_lsn()) as at");
    const [switched] = await ask("pg1", "select pg_switch_wal()::text as at");
    const received = `select pg_last_wal_receive_lsn()::text as at where pg_last_wal_receive_lsn() > '${switched?.at}'`;
    await until("pg2 has received it", async () => (await ask("pg2", received)).length > 0);
    await signal(world, "pg1", "SIGKILL");
    // A file that did not come back with the disk.
    const files = join(world.lab.node("pg1").dataDirectory, "pg_wal");
    for (const file of readdirSync(files))
      if (/^[0-9A-F]{24}$/.test(file) && file > (last?.at ?? "")) rmSync(join(files, file));
    const refused = await world.plan("failover", "ledger");
    assert.ok(isRefusal(refused), "nothing more is said to have been written");
    assert.match(refused.missing, /cannot be measured/);
  });
});

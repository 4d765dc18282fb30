import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { askRole } from "../../src/drivers/postgres/promotion.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { remember, type World, withWorld } from "./world.ts";

test("the synchronous standby replays an hour late: the other is elected, and no commit waits for one that asks later", () =>
  withWorld({}, async (world) => {
    await on(world, "pg2", async (connection) => {
      await connection.query("alter system set recovery_min_apply_delay = '1h'");
      await connection.query("select pg_reload_conf()");
    });
    const commit = "select pg_logical_emit_message(true, 'test', 'x')";
    await until("the replay of pg2 waits", async () => {
      await on(world, "pg1", (connection) => connection.query(commit));
      return (await look(world, "pg2")).waits;
    });
    const { lsn } = await look(world, "pg2");
    await until("pg3 has as much", async () => (await look(world, "pg3")).lsn >= lsn);
    await remember(world);
    await signal(world, "pg1", "SIGKILL");

    const result = await world.act("failover", "ledger");
    assert.equal(await onlyPrimary(world), "pg3");
    const outcomes = new Map(
      (await world.events(result.planId))
        .filter(({ kind }) => kind === "step.done")
        .map(({ data }) => [(data as { step: string }).step, (data as { outcome: object }).outcome]),
    );
    assert.equal((outcomes.get("set-synchronous") as { setting?: string } | undefined)?.setting, "");
    assert.deepEqual(outcomes.get("follow"), { following: [], cascading: [], leftAlone: ["pg2"] });
  }));

test("no node is promoted while the promotion of another standby is pending", () =>
  withWorld({}, async (world) => {
    const startup = await on(world, "pg3", async (connection) => {
      const [row] = await connection.query<{ pid: number }>(
        "select pid from pg_stat_activity where backend_type = 'startup'",
      );
      return row?.pid ?? assert.fail("no startup process");
    });
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger");
    assert.ok(!isRefusal(plan));
    await world.executor.store(plan, "person:test");
    process.kill(startup, "SIGSTOP");
    try {
      await on(world, "pg3", (connection) => connection.query("select pg_promote(false)"));
      const seen = await (await world.fleet.instance("ledger", "pg3"))?.inspect();
      assert.equal(seen && "promoteSignal" in seen, true, "its host sees nothing of the promotion");
      const refused = await world.plan("failover", "ledger");
      assert.equal(isRefusal(refused) && refused.rule, "promotion-pending");
      const { state } = await world.executor.run(plan.id, "person:test", "person");
      assert.match(state, /not known \(pg3: its promotion is pending/);
    } finally {
      process.kill(startup, "SIGCONT");
    }
    await until("pg3 is promoted", async () => (await on(world, "pg3", askRole)).role === "primary");
    assert.equal(await onlyPrimary(world), "pg3");
  }));

async function look(world: World, node: string): Promise<Readonly<{ waits: boolean; lsn: string }>> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ waits: boolean; lsn: string }>(
      `select lpad(split_part(pg_last_wal_receive_lsn()::text, '/', 2), 8, '0') as lsn, exists (
        select from pg_stat_activity where backend_type = 'startup' and wait_event = 'RecoveryApplyDelay') as waits`,
    ),
  );
  return row ?? { waits: false, lsn: "" };
}

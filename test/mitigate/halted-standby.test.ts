import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../src/drivers/postgres/connection.ts";
import { commitsPass } from "../../src/mitigate/steps/commits.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* The synchronous standby streams, and confirms nothing: commits hang all the same. pg3 stands in. */

const standbys = ["synchronous", "asynchronous"] as const;

test("commits that wait for a paused replay (remote_apply) are let go", () =>
  withWorld({ standbys }, async (world) => {
    await set(world, "synchronous_commit", "remote_apply");
    await on(world, "pg2", (connection) => connection.query("select pg_wal_replay_pause()"));
    await letGo(world);
  }));

test("commits that wait for a halted standby, whose connection is there still, are let go", () =>
  withWorld({ standbys }, async (world) => {
    await set(world, "wal_sender_timeout", "0");
    await signal(world, "pg2", "SIGSTOP");
    try {
      await letGo(world);
    } finally {
      await signal(world, "pg2", "SIGCONT");
    }
  }));

test("a replay that is paused confirms nothing, where commits wait for it", () =>
  withWorld({ standbys }, async (world) => {
    await set(world, "synchronous_commit", "remote_apply");
    const pass = (timeoutMs: number) => {
      const { signal } = new AbortController();
      return on(world, "pg1", (connection) => commitsPass(connection, { signal, timeoutMs }));
    };
    const replay = (what: string) =>
      on(world, "pg2", (connection) => connection.query(`select pg_wal_replay_${what}()`));
    assert.equal(await pass(60_000), true);
    await replay("pause");
    assert.equal(await pass(500), false);
    await replay("resume");
    assert.equal(await pass(60_000), true);
  }));

async function letGo(world: World): Promise<void> {
  const idle = await world.plan("degrade-synchronous", "ledger");
  assert.equal(isRefusal(idle) && idle.rule, "already", "nobody waits");
  await on(world, "pg1", async (connection) => {
    const commit = connection.query("create table t (i int)", [], { timeoutMs: 60_000 });
    await until("the commit waits", () => on(world, "pg1", async (one) => (await waiting(one)) === 1));
    const { outcome, state } = await world.act("degrade-synchronous", "ledger");
    assert.equal(outcome, "done", state);
    await commit;
    const [row] = await connection.query("show synchronous_standby_names");
    assert.deepEqual(row, { synchronous_standby_names: 'FIRST 1 ("pg3")' });
  });
}

async function set(world: World, name: string, value: string): Promise<void> {
  await on(world, "pg1", async (connection) => {
    await connection.query(`alter system set ${name} = '${value}'`);
    await connection.query("select pg_reload_conf()");
  });
  const now = `select current_setting('${name}') as value`;
  await until(`${name} is in force`, async () => {
    const [row] = await on(world, "pg1", (connection) => connection.query<{ value: string }>(now));
    return row?.value === value;
  });
}

async function waiting(connection: Connection): Promise<number> {
  return (await connection.query("select from pg_stat_activity where wait_event = 'SyncRep'")).length;
}

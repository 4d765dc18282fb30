import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { lostWrites, startWriter } from "../support/writer.ts";
import { on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* pg3 streams from pg2, and pg2 from pg1. */

test("a cascade: the standby in its middle is promoted, and nothing acknowledged is lost", async () => {
  await withWorld({}, async (world) => {
    await cascade(world);
    const writer = await startWriter({ addressFile: world.lab.addressFile });
    try {
      await writer.nextAcknowledged(Date.now(), 10_000);
      await signal(world, "pg1", "SIGKILL");
      const result = await world.act("failover", "ledger");
      assert.notEqual(result.outcome, "stopped", result.state);
      await writer.nextAcknowledged(Date.now(), 10_000);
      await writer.stop();
      assert.deepEqual(await lostWrites(world.lab.node(await onlyPrimary(world)).url, writer.acknowledged()), []);
    } finally {
      await writer.stop();
    }
  });
});

test("a cascade whose middle is dead: the halted primary is fenced, not the standby that was followed", async () => {
  await withWorld({}, async (world) => {
    await cascade(world);
    await signal(world, "pg2", "SIGKILL");
    await signal(world, "pg1", "SIGSTOP");
    const refused = await world.plan("failover", "ledger");
    assert.equal(isRefusal(refused) && refused.rule, "acknowledged-writes");
    const result = await world.act("failover", "ledger", { acceptLoss: true });
    assert.notEqual(result.outcome, "stopped", result.state);
    await signal(world, "pg1", "SIGCONT");
    assert.equal(await onlyPrimary(world), "pg3");
  });
});

test("a standby that commits wait for by its name streams from the primary again, and only once", async () => {
  await withWorld({}, async (world) => {
    await on(world, "pg1", async (connection) => {
      await connection.query("alter system set synchronous_standby_names = 'ANY 1 (pg2, pg3)'");
      await connection.query("select pg_reload_conf()");
    });
    await cascade(world);
    const result = await world.act("rejoin", "ledger/pg3");
    assert.equal(result.outcome, "done", result.state);
    await until("both stream from pg1", async () => (await streaming(world, "pg1")).join() === "pg2,pg3");
    const again = await world.plan("rejoin", "ledger/pg3");
    assert.equal(isRefusal(again) && again.rule, "already");
  });
});

test("a cascade that commits do not wait for stays one", async () => {
  await withWorld({}, async (world) => {
    await cascade(world);
    const made = await world.plan("rejoin", "ledger/pg3");
    assert.equal(isRefusal(made) && made.rule, "already");
  });
});

test("a cascade by another name of its middle stays one when that is promoted", async () => {
  await withWorld({}, async (world) => {
    await cascade(world, "localhost");
    await signal(world, "pg1", "SIGKILL");
    const result = await world.act("failover", "ledger", { node: "pg2" });
    assert.notEqual(result.outcome, "stopped", result.state);
    const [receiver] = await on(world, "pg3", (connection) =>
      connection.query<{ host: string }>("select sender_host as host from pg_stat_wal_receiver"),
    );
    assert.equal(receiver?.host, "localhost", "it was led to where it is");
  });
});

async function cascade(world: World, host = "127.0.0.1"): Promise<void> {
  const { port } = world.lab.node("pg2");
  await on(world, "pg3", async (connection) => {
    const conninfo = `host=${host} port=${port} user=blackstart application_name=pg3`;
    await connection.query(`alter system set primary_conninfo = '${conninfo}'`);
    await connection.query("select pg_reload_conf()");
  });
  await until("pg3 streams from pg2", async () => {
    const rows = await on(world, "pg2", (connection) =>
      connection.query("select 1 from pg_stat_replication where state = 'streaming'"),
    );
    return rows.length === 1;
  });
}

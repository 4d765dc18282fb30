import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { lostWrites, startWriter } from "../support/writer.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* Acknowledged writes on real clusters where it is easy to be wrong about who holds them. */

test("the primary no longer waited for its standby when it died, other than when it was last seen: refused", async () => {
  await withWorld({}, async (world) => {
    await haltSenders(world, "pg2", "pg3");
    await on(world, "pg1", async (connection) => {
      await connection.query("alter system set synchronous_commit = local");
      await connection.query("select pg_reload_conf()");
    });
    await until("the reload is in force", async () => {
      const [row] = await on(world, "pg1", (connection) =>
        connection.query<{ v: string }>("select current_setting('synchronous_commit') as v"),
      );
      return row?.v === "local";
    });
    await on(world, "pg1", (connection) => connection.query("create table acknowledged as select 1 as n"));
    await signal(world, "pg1", "SIGKILL");
    const made = await world.plan("failover", "ledger");
    assert.ok(isRefusal(made), "an acknowledged write would be lost");
    assert.equal(made.rule, "acknowledged-writes");
    assert.match(made.missing, /synchronous_commit = local/);
  });
});

test("a standby that was started anew is not asked how much it holds before it has read its own log", async () => {
  await withWorld({}, async (world) => {
    const writer = await startWriter({ addressFile: world.lab.addressFile });
    try {
      await on(world, "pg2", async (connection) => {
        await connection.query("alter system set recovery_min_apply_delay = '4s'");
        await connection.query("select pg_reload_conf()");
      });
      await writer.nextAcknowledged(Date.now() + 500, 10_000);
      // From here on only pg2 receives what is acknowledged.
      await haltSenders(world, "pg3");
      await writer.nextAcknowledged(Date.now() + 300, 10_000);
      const standby = await world.fleet.instance("ledger", "pg2");
      await standby?.stop("immediate", 10_000);
      await signal(world, "pg1", "SIGKILL");
      await standby?.start(60_000);
      await writer.stop();
      const result = await world.act("failover", "ledger");
      assert.notEqual(result.outcome, "stopped", result.state);
      assert.equal(await onlyPrimary(world), "pg2");
      assert.deepEqual(await lostWrites(world.lab.node("pg2").url, writer.acknowledged()), []);
    } finally {
      await writer.stop();
    }
  });
});

/** What the primary writes from now on no longer reaches these standbys. */
async function haltSenders(world: World, ...standbys: readonly string[]): Promise<void> {
  const rows = await on(world, "pg1", (connection) =>
    connection.query<{ pid: number }>("select pid from pg_stat_replication where application_name = any($1)", [
      standbys,
    ]),
  );
  assert.equal(rows.length, standbys.length);
  for (const { pid } of rows) process.kill(pid, "SIGSTOP");
}

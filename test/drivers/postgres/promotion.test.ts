import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { type Connection, withConnection } from "../../../src/drivers/postgres/connection.ts";
import { askRole } from "../../../src/drivers/postgres/promotion.ts";
import { withLab } from "../../support/lab.ts";

/* A standby whose promotion is pending becomes a primary by itself, also once its `promote` file is gone. */

async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const reached = await pollUntil(async () => ((await ask()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(reached, `not reached: ${what}`);
}

test("a promotion is seen while the end of recovery is held up, and asking changes nothing", () => {
  const recovery_end_command = "touch ending; until [ -e finish ]; do sleep 0.1; done";
  return withLab({ standbys: ["asynchronous"], nodeSettings: { pg2: { recovery_end_command } } }, async (lab) => {
    const { dataDirectory, url } = lab.node("pg2");
    const ask = () => withConnection(url, {}, askRole);
    const isPaused = async (connection: Connection) => {
      const [row] = await connection.query<{ paused: boolean }>("select pg_is_wal_replay_paused() as paused");
      return row?.paused === true;
    };
    const started = await ask();
    assert.ok(started.role === "standby" && !started.promoting);
    assert.deepEqual(await withConnection(lab.node("pg1").url, {}, askRole), { role: "primary" });

    await withConnection(url, {}, async (connection) => {
      await connection.query("select pg_wal_replay_pause()");
      await askRole(connection);
      assert.ok(await isPaused(connection), "asking has resumed a paused replay");
      await connection.query("select pg_wal_replay_resume()");
    });

    await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create role plain login"));
    const plainUrl = url.replace("://blackstart@", "://plain@");
    await until("the role is there", () => withConnection(plainUrl, {}, async () => true).catch(() => false));

    await withConnection(url, {}, (connection) => connection.query("select pg_promote(false)"));
    await until("recovery ends", async () => existsSync(join(dataDirectory, "ending")));
    try {
      assert.equal(existsSync(join(dataDirectory, "promote")), false);
      assert.deepEqual(await ask(), { ...started, promoting: true });
      // A role that may ask neither gets no error.
      assert.deepEqual(await withConnection(plainUrl, {}, askRole), started);
    } finally {
      writeFileSync(join(dataDirectory, "finish"), "");
    }
    await until("it is promoted", async () => (await ask()).role === "primary");
  });
});

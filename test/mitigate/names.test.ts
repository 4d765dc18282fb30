import assert from "node:assert/strict";
import { test } from "node:test";
import { on, onlyPrimary, until } from "./servers.ts";
import { remember, type World, withWorld } from "./world.ts";

/* Standbys whose names are not those of the system file: what counts is the name under which each streams. */

for (const setting of [`FIRST 1 ("15/main")`, "*", "ANY 1 (*)", `any 1 (nobody, "15/Main")`])
  test(`standbys that stream as 15/main: ${setting} goes on after a switchover, and no write hangs`, async () => {
    await withWorld({ settings: { cluster_name: "15/main" } }, async (world) => {
      await unnamed(world, setting);
      const result = await world.act("switchover", "ledger", { node: "pg2" });
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await onlyPrimary(world), "pg2");
      await writes(world, "pg2");
      const names = await synchronousNames(world, "pg2");
      assert.ok(setting.includes("*") ? names.includes("*") : names.toLowerCase().includes(`"15/main"`), names);
      assert.deepEqual(await streams(world, "pg2"), ["15/main", "15/main"]);
    });
  });

async function synchronousNames(world: World, node: string): Promise<string> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ value: string }>("select current_setting('synchronous_standby_names') as value"),
  );
  return row?.value ?? "";
}

async function streams(world: World, node: string): Promise<readonly string[]> {
  const rows = await on(world, node, (connection) =>
    connection.query<{ name: string }>("select application_name as name from pg_stat_replication order by 1"),
  );
  return rows.map(({ name }) => name);
}

async function writes(world: World, node: string): Promise<void> {
  await on(world, node, (connection) => connection.query("select pg_logical_emit_message(true, 'test', 'x')"));
}

/** As Debian's tools leave it: nobody gives an application_name. */
async function unnamed(world: World, setting: string): Promise<void> {
  const { port } = world.lab.node("pg1");
  for (const node of ["pg2", "pg3"])
    await on(world, node, async (connection) => {
      await connection.query(`alter system set primary_conninfo = 'host=127.0.0.1 port=${port} user=replicator'`);
      await connection.query("select pg_reload_conf()");
    });
  await on(world, "pg1", async (connection) => {
    await connection.query(`alter system set synchronous_standby_names = '${setting}'`);
    await connection.query("select pg_reload_conf()");
  });
  await until("both stream as 15/main, one is waited for", async () => {
    const rows = await on(world, "pg1", (connection) =>
      connection.query<{ waited: boolean }>(
        `select sync_state in ('sync', 'quorum') as waited from pg_stat_replication
         where application_name = '15/main' and state = 'streaming'`,
      ),
    );
    return rows.length === 2 && rows.some(({ waited }) => waited);
  });
  await remember(world);
}

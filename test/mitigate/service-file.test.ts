import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* The standbys find the primary by a service file (`service=ledger`), which also has its address: `hostaddr`. */

test("standbys that find the primary by a service file follow the new one", async () => {
  const directory = mkdtempSync(join(tmpdir(), "blackstart-service-"));
  const file = join(directory, "pg_service.conf");
  chmodSync(directory, 0o755);
  // The servers of the lab have our environment.
  process.env.PGSERVICEFILE = file;
  try {
    await withWorld({ standbys: ["synchronous", "synchronous"] }, async (world) => {
      const { port } = world.lab.node("pg1");
      writeFileSync(file, `[ledger]\nhostaddr=127.0.0.1\nport=${port}\nuser=blackstart\n`, { mode: 0o644 });
      for (const node of ["pg2", "pg3"]) await aimAtService(world, node);
      await until("both stream", async () => (await streaming(world, "pg1")).join() === "pg2,pg3");
      // As if that were another machine: nothing listens at what the file says.
      writeFileSync(file, `[ledger]\nhostaddr=127.0.0.9\nport=${port}\nuser=blackstart\n`);

      await signal(world, "pg1", "SIGKILL");
      const result = await world.act("failover", "ledger", { node: "pg2" });
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await onlyPrimary(world), "pg2");
      await until("pg3 streams from pg2", async () => (await streaming(world, "pg2")).includes("pg3"));
    });
  } finally {
    delete process.env.PGSERVICEFILE;
    rmSync(directory, { recursive: true });
  }
});

async function aimAtService(world: World, node: string): Promise<void> {
  await on(world, node, async (connection) => {
    await connection.query(`alter system set primary_conninfo = 'service=ledger application_name=${node}'`);
    await connection.query("select pg_reload_conf()");
    await until(`${node} streams by the service`, async () => {
      const rows = await connection.query(
        "select from pg_stat_wal_receiver where status = 'streaming' and conninfo like '%hostaddr=127.0.0.1%'",
      );
      return rows.length === 1;
    });
  });
}

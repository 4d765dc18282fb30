import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertWhole, on, signal, until } from "./servers.ts";
import { withSystemFile, withWorld } from "./world.ts";

test("a standby that is only down comes back by the login of its own, not by Blackstart's", async () => {
  await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (lab) => {
    const undeclared = (text: string) => text.replace(/^ +replication:.*\n/gm, "");
    await withSystemFile(lab, undeclared, async (world) => {
      const own = `user=replicator application_name=pg3 sslmode=prefer keepalives_idle=30 dbname=postgres host=127.0.0.1 port=${world.lab.node("pg1").port}`;
      await on(world, "pg3", async (one) => {
        await one.query(`alter system set primary_conninfo = '${own}'`);
        await one.query("select pg_reload_conf()");
      });
      const rules = "host all all 127.0.0.1/32 trust\nhost replication replicator 127.0.0.1/32 trust\n";
      writeFileSync(join(world.lab.node("pg1").dataDirectory, "pg_hba.conf"), rules);
      await on(world, "pg1", (one) => one.query("select pg_reload_conf()"));
      await signal(world, "pg3", "SIGKILL");
      const instance = await world.fleet.instance("ledger", "pg3");
      await until("pg3 is down", async () => (await instance?.inspect())?.state === "down");
      const result = await world.act("rejoin", "ledger/pg3");
      assert.equal(result.outcome, "done", result.state);
      await assertWhole(world);
      const [row] = await on(world, "pg3", (one) =>
        one.query<{ value: string }>("select current_setting('primary_conninfo') as value"),
      );
      assert.equal(row?.value, own);
    });
  });
});

test("a standby that is down, and whose own login the primary refuses, comes back by the one that is declared", async () => {
  await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (world) => {
    const { port } = world.lab.node("pg1");
    const instance = await world.fleet.instance("ledger", "pg3");
    assert.ok(instance);
    await instance.stop("fast", 10_000);
    const refused = `host=127.0.0.1 port=${port} user=nobody application_name=pg3 dbname=postgres`;
    await instance.writeSettings({ primary_conninfo: refused });
    const result = await world.act("rejoin", "ledger/pg3");
    assert.equal(result.outcome, "done", result.state);
    await assertWhole(world);
    const now = await instance.setting("primary_conninfo");
    assert.match(now, /user='replicator'/);
    assert.match(now, /dbname='postgres'/, "failover slots would not be kept in step any more");
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { on, signal, until } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* pg3 streams from pg2 by a slot, as the system file declares (`follows: pg2`). */

test("the slot of a cascade is made on the standby that it streams from, and never on the primary", async () => {
  await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (lab) => {
    const declared = (text: string) => text.replace(/^( +)pg3:$/m, "$1pg3:\n$1  follows: pg2");
    await withSystemFile(lab, declared, async (world) => {
      assert.equal(world.system.clusters.ledger?.nodes.pg3?.follows, "pg2");
      await on(world, "pg3", async (one) => {
        const conninfo = `host=127.0.0.1 port=${world.lab.node("pg2").port} user=replicator application_name=pg3`;
        await one.query(`alter system set primary_conninfo = '${conninfo}'`);
        await one.query("alter system set primary_slot_name = 'pg3_slot'");
        await one.query("select pg_reload_conf()");
      });
      await signal(world, "pg3", "SIGKILL");
      const instance = await world.fleet.instance("ledger", "pg3");
      await until("pg3 is down", async () => (await instance?.inspect())?.state === "down");
      const back = await world.act("rejoin", "ledger/pg3");
      assert.equal(back.outcome, "done", back.state);
      await until("pg3 streams by it", async () => (await slots(world, "pg2")).includes("pg3_slot"));
      assert.deepEqual(await slots(world, "pg1"), []);
    });
  });
});

async function slots(world: World, node: string): Promise<readonly string[]> {
  const rows = await on(world, node, (one) =>
    one.query<{ slot: string }>("select slot_name as slot from pg_replication_slots order by 1"),
  );
  return rows.map(({ slot }) => slot);
}

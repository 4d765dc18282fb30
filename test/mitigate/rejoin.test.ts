import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instance } from "../../src/drivers/postgres/instance.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { runChecks } from "../../src/watch/check.ts";
import { on, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* A node that cannot follow is seen as such, whatever it says of streaming, and gets the remedy that fits the reason. */

test("a diverged node that says that it streams is found, and is brought back", async () => {
  await withWorld({}, async (world) => {
    await diverge(world);
    assert.deepEqual(await replicationFindings(world), ["replication.diverged ledger/pg1"]);
    const result = await world.act("rejoin", "ledger/pg1");
    assert.equal(result.outcome, "done", result.state);
    await untilItHasAll(world, "pg1", "pg2");
    assert.deepEqual(await replicationFindings(world), []);
    const again = await world.plan("rejoin", "ledger/pg1");
    assert.ok(isRefusal(again) && again.rule === "already");
  });
});

/** pg1 wrote by itself after pg2 was promoted, and is up as a standby of pg2 that can never follow. */
async function diverge(world: World): Promise<void> {
  await on(world, "pg1", (connection) => connection.query("create table t (i int)"));
  await signal(world, "pg1", "SIGKILL");
  const pg1 = await instanceOf(world, "pg1");
  await until("pg1 is down", async () => (await pg1.inspect()).state === "down");
  await world.lab.promote("pg2");
  await pg1.start(20_000);
  await on(world, "pg1", (connection) =>
    connection.query("set synchronous_commit = local; insert into t select generate_series(1, 1000)"),
  );
  await pg1.stop("fast", 10_000);
  await pg1.markStandby();
  const { port } = world.lab.node("pg2");
  await pg1.writeSettings({ primary_conninfo: `host=127.0.0.1 port=${port} user=replicator application_name=pg1` });
  await pg1.start(20_000);
}

async function instanceOf(world: World, node: string): Promise<Instance> {
  const instance = await world.fleet.instance("ledger", node);
  assert.ok(instance);
  return instance;
}

async function replicationFindings(world: World): Promise<readonly string[]> {
  return (await runChecks(world.system))
    .filter(({ code }) => code.startsWith("replication.") && code !== "replication.synchronous-off")
    .map(({ code, subject }) => `${code} ${subject.name}`);
}

async function untilItHasAll(world: World, standby: string, primary: string): Promise<void> {
  const marker = `marker_${Date.now()}`;
  await on(world, primary, (connection) => connection.query(`create table ${marker} ()`));
  await until(`${standby} has what ${primary} writes`, () =>
    on(world, standby, async (connection) => {
      const [row] = await connection.query<{ there: boolean }>("select to_regclass($1) is not null as there", [marker]);
      return row?.there === true;
    }),
  );
}

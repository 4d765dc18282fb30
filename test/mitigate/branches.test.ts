import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { remember, type World, withWorld } from "./world.ts";

/* Somebody promoted pg3 by hand and made it a standby again: a branch with a greater timeline, which nobody writes on. */

for (const node of [undefined, "pg2"])
  test(`a dead branch is not promoted for its greater timeline${node === undefined ? "" : `, with --to ${node}`}`, async () => {
    await withWorld({}, async (world) => {
      await leaveBranch(world, "pg3");
      await write(world, "pg1");
      await remember(world);
      await signal(world, "pg1", "SIGKILL");
      const plan = await world.plan("failover", "ledger", node === undefined ? {} : { node });
      assert.ok(!isRefusal(plan), "refused");
      assert.match(plan.because.join(" "), /pg3 .*timeline 2.*left timeline 1 at/);
      assert.match(plan.needsPerson ?? "", /pg3/);
      const result = await world.act("failover", "ledger", node === undefined ? {} : { node });
      assert.notEqual(result.outcome, "stopped", result.state);
      assert.equal(await onlyPrimary(world), "pg2");
      assert.equal(await rowsOf(world, "pg2"), 1000);
    });
  });

test("the dead branch is named: refused, with what would be lost", async () => {
  await withWorld({}, async (world) => {
    await leaveBranch(world, "pg3");
    await write(world, "pg1");
    await remember(world);
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger", { node: "pg3" });
    assert.ok(isRefusal(plan), "planned");
    assert.match(plan.missing, /pg3 .*left timeline 1 at .*\d+ bytes/);
  });
});

for (const watched of [true, false])
  test(`everybody is a standby after two fences, and the second promotion was ${watched ? "seen" : "not seen"}: there is a way to a primary`, async () => {
    await withWorld({}, async (world) => {
      await on(world, "pg1", (connection) => connection.query("create table t(i int)"));
      await until("pg2 has it", () => has(world, "pg2"));
      await until("pg3 has it", () => has(world, "pg3"));
      await on(world, "pg2", (connection) => connection.query("select pg_promote(true)"));
      if (watched) await remember(world, ["pg2"]);
      // On each side something that the other has not.
      for (const node of ["pg1", "pg2"])
        await on(world, node, async (connection) => {
          await connection.query("set synchronous_commit = local");
          await connection.query("insert into t select generate_series(1, 1000)");
        });
      for (const node of ["pg1", "pg2"]) {
        await signal(world, node, "SIGKILL");
        const instance = await world.fleet.instance("ledger", node);
        assert.ok(instance);
        await instance.markStandby();
        await instance.start(60_000);
      }
      if (watched) await remember(world, ["pg1", "pg2", "pg3"]);
      const plan = await world.plan("failover", "ledger");
      if (watched) {
        assert.ok(!isRefusal(plan), isRefusal(plan) ? plan.missing : "");
        assert.match(plan.because.join(" "), /pg1 is on another branch \(timeline 1\)/);
        assert.match(plan.needsPerson ?? "", /pg1/);
      } else {
        assert.ok(isRefusal(plan), "what pg2 alone has would be given up without a word");
        assert.match(plan.missing, /pg2 holds \d+ bytes/);
        assert.equal(plan.accept, "--accept-loss");
        // Each line of history is to be had by a command that can be copied.
        for (const node of ["pg1", "pg2"])
          assert.ok(plan.provide.includes(`\`blackstart mitigate failover ledger --to ${node} --accept-loss\``));
      }
      const result = await world.act("failover", "ledger", watched ? {} : { node: "pg2", acceptLoss: true });
      assert.notEqual(result.outcome, "stopped", result.state);
      assert.equal(await onlyPrimary(world), "pg2");
      assert.equal(await rowsOf(world, "pg2"), 1000);
    });
  });

async function has(world: World, node: string): Promise<boolean> {
  const rows = await on(world, node, (connection) => connection.query("select 1 from pg_class where relname = 't'"));
  return rows.length > 0;
}

/** Promoted, then stopped and started as a standby of pg1, which it can never follow again. */
async function leaveBranch(world: World, node: string): Promise<void> {
  await on(world, "pg1", (connection) => connection.query("create table t(i int)"));
  await on(world, node, (connection) => connection.query("select pg_promote(true)"));
  const instance = await world.fleet.instance("ledger", node);
  assert.ok(instance);
  await instance.stop("fast", 10_000);
  writeFileSync(join(instance.dataDirectory, "standby.signal"), "");
  await instance.start(60_000);
}

async function write(world: World, node: string): Promise<void> {
  await on(world, node, (connection) => connection.query("insert into t select generate_series(1, 1000)"));
  await until("pg2 has replayed it", async () => (await rowsOf(world, "pg2")) === 1000);
}

async function rowsOf(world: World, node: string): Promise<number> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ n: number }>("select count(*)::int as n from t"),
  );
  return row?.n ?? 0;
}

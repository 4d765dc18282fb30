import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { Instance } from "../../src/drivers/postgres/instance.ts";
import { lookAt } from "../../src/drivers/postgres/looks.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { runChecks } from "../../src/watch/check.ts";
import { startWatcher } from "../../src/watch/watcher.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* A node that cannot follow is seen as such, whatever it says of streaming, and gets the remedy that fits the reason. */

describe("a standby that does not follow", { concurrency: 2 }, () => {
  test("a diverged node that says that it streams is found, and is brought back", async () => {
    // It reconnects so often that at most looks it streams.
    await withWorld({ settings: { wal_retrieve_retry_interval: "10ms" } }, async (world) => {
      await diverge(world);
      assert.deepEqual(await replicationFindings(world), ["replication.diverged ledger/pg1"]);
      const watcher = startWatcher({ system: world.system, report: () => undefined });
      try {
        const isSeen = async () => watcher.findings().some(({ code }) => code === "replication.diverged");
        await until("the watch sees it as well", isSeen);
      } finally {
        await watcher.close();
      }
      const result = await world.act("rejoin", "ledger/pg1");
      assert.equal(result.outcome, "done", result.state);
      await untilItHasAll(world, "pg1", "pg2");
      assert.deepEqual(await replicationFindings(world), []);
      const again = await world.plan("rejoin", "ledger/pg1");
      assert.ok(isRefusal(again) && again.rule === "already");
    });
  });

  test("a primary rejects replication: the standby keeps serving, and the failed step says what to fix", async () => {
    await withWorld({}, async (world) => {
      const serves = () =>
        on(world, "pg3", async (connection) => {
          const [row] = await connection.query<{ at: string }>("select pg_postmaster_start_time()::text as at");
          return row?.at;
        });
      const before = await serves();
      const files = readdirSync(dirname(world.lab.node("pg3").dataDirectory));
      await whileRejected(world, "pg3", async () => {
        const result = await world.act("rejoin", "ledger/pg3");
        assert.equal(result.outcome, "stopped");
        const failed = (await world.events(result.planId)).find((one) => one.kind === "step.failed");
        assert.match(JSON.stringify(failed?.data), /It runs, as before.*pg_hba\.conf rejects.*pg_hba\.conf of pg1/);
        assert.equal(await serves(), before, "it was restarted");
        assert.deepEqual(readdirSync(dirname(world.lab.node("pg3").dataDirectory)), files, "something was copied");
      });
      await untilItHasAll(world, "pg3", "pg1");
      await signal(world, "pg1", "SIGKILL");
      const failover = await world.act("failover", "ledger", { node: "pg3", acceptLoss: true });
      assert.equal(failover.outcome, "done", failover.state);
      assert.equal(await onlyPrimary(world), "pg3");
    });
  });

  test("a standby whose WAL is gone is cloned, and nothing is kept of what everybody has", async () => {
    await withWorld({ settings: { wal_keep_size: "0", max_wal_size: "32MB" } }, async (world) => {
      const pg3 = await instanceOf(world, "pg3");
      await pg3.stop("fast", 10_000);
      await on(world, "pg1", async (connection) => {
        for (let round = 0; round < 4; round++) {
          await connection.query("select pg_switch_wal() from pg_logical_emit_message(false, 'test', 'x')");
          // A commit waits for pg2: of that one the WAL must not be gone.
          await connection.query("select pg_logical_emit_message(true, 'test', 'x')");
          await connection.query("checkpoint");
        }
      });
      await pg3.start(60_000);
      const result = await world.act("rejoin", "ledger/pg3");
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await howOf(world, result.planId, "rejoin-pg3"), "cloned");
      const kept = readdirSync(dirname(pg3.dataDirectory)).filter((name) => name.includes(".kept-"));
      assert.deepEqual(kept, []);
      await untilItHasAll(world, "pg3", "pg1");
    });
  });

  const astray = [
    ["a standby of nobody", "", "follows-nobody"],
    [
      "a standby led to where nothing listens",
      "host=127.0.0.1 port=1 user=replicator application_name=pg3",
      "not-streaming",
    ],
  ] as const;

  for (const [what, conninfo, code] of astray)
    test(`${what} is found, and led to the primary while it serves`, async () => {
      await withWorld({}, async (world) => {
        await on(world, "pg3", async (connection) => {
          await connection.query(`alter system set primary_conninfo = '${conninfo}'`);
          await connection.query("select pg_reload_conf()");
        });
        await until(
          "it is found",
          async () => (await replicationFindings(world)).join() === `replication.${code} ledger/pg3`,
        );
        const result = await world.act("rejoin", "ledger/pg3");
        assert.equal(result.outcome, "done", result.state);
        assert.equal(await howOf(world, result.planId, "rejoin-pg3"), "aimed");
        await untilItHasAll(world, "pg3", "pg1");
      });
    });

  test("a server that was stopped for a clone that fails runs again, as before", async () => {
    await withWorld({}, async (world) => {
      await diverge(world);
      // Neither way is there: as on a host without pg_rewind, and without room.
      const fleet: World["fleet"] = {
        ...world.fleet,
        async instance(cluster, node) {
          const instance = await world.fleet.instance(cluster, node);
          const clone = () => Promise.reject(new Error("not enough disk space for a copy"));
          return instance && { ...instance, canRewind: async () => false, clone };
        },
      };
      const executor = createExecutor({
        timeline: world.timeline,
        handlers: registryOf(...mitigationHandlers({ ...world, fleet })),
      });
      const plan = await world.plan("rejoin", "ledger/pg1");
      if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
      await executor.store(plan, "person:test");
      const result = await executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped");
      const failed = (await world.events(plan.id)).find((one) => one.kind === "step.failed");
      assert.match(JSON.stringify(failed?.data), /It runs, as before.*not enough disk space for a copy/);
      await on(world, "pg1", (connection) => connection.query("select 1"));
      // It runs because it stays on its timeline: nobody is advised to end that.
      const codes = (await runChecks(world.system)).map(({ code }) => code);
      assert.ok(codes.includes("replication.diverged"), codes.join());
      assert.ok(!codes.includes("recovery.one-timeline"), codes.join());
    });
  });

  test("recovery_target_timeline = current is found before a failover, is not changed by it, and the advice makes the standby follow", async () => {
    await withWorld({}, async (world) => {
      const target = (value: string) => `alter system set recovery_target_timeline = '${value}'`;
      await on(world, "pg3", (one) => one.query(target("current")));
      await world.act("restart", "ledger/pg3");
      const found = await runChecks(world.system);
      assert.ok(found.some(({ code, subject }) => code === "recovery.one-timeline" && subject.name === "ledger/pg3"));
      await signal(world, "pg1", "SIGKILL");
      const { planId, state } = await world.act("failover", "ledger", { node: "pg2" });
      assert.equal(await onlyPrimary(world), "pg2", state);
      const failed = (await world.events(planId)).filter(({ kind }) => kind === "step.failed").map(({ data }) => data);
      assert.match(
        JSON.stringify(failed.find((data) => (data as { step?: string }).step === "rejoin-pg3")),
        /It runs, as before.*recovery_target_timeline is 'current', so it stays on timeline 1.*mitigate restart ledger\/pg3/,
      );
      await on(world, "pg3", (one) => one.query(target("latest")));
      await world.act("restart", "ledger/pg3");
      await untilItHasAll(world, "pg3", "pg2");
    });
  });

  test("a standby to which an idle primary has had nothing to send yet is connected all the same", async () => {
    await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (world) => {
      await untilItHasAll(world, "pg3", "pg1");
      await on(world, "pg3", (one) => one.query("alter system set wal_receiver_timeout = 0"));
      for (const query of [
        "alter system set wal_sender_timeout = 0",
        "select pg_reload_conf()",
        "select pg_switch_wal()",
      ])
        await on(world, "pg1", (one) => one.query(query));
      const { lsn } = await on(world, "pg1", lookAt);
      await until("pg3 has all", async () => (await on(world, "pg3", lookAt)).lsn === lsn);
      const instance = await instanceOf(world, "pg3");
      await instance.stop("fast", 60_000);
      await instance.start(60_000);
      const age =
        "select count(*)::int as old from pg_stat_activity where backend_type = 'walreceiver' and backend_start < clock_timestamp() - interval '3 s'";
      const isOld = () => on(world, "pg3", async (one) => (await one.query<{ old: number }>(age))[0]?.old === 1);
      await until("its receiver is there for a while", isOld);
      const { receiver } = await on(world, "pg3", lookAt);
      assert.equal(receiver?.heard, true);
    });
  });
});

async function howOf(world: World, planId: string, step: string): Promise<unknown> {
  const done = (await world.events(planId))
    .filter((one) => one.kind === "step.done")
    .map((one) => one.data as { step: string; outcome: { how?: string } });
  return done.find((one) => one.step === step)?.outcome.how;
}

/** With a line in the primary's pg_hba.conf that rejects replication, and this standby's sender ended. */
async function whileRejected(world: World, standby: string, work: () => Promise<void>): Promise<void> {
  const file = join(world.lab.node("pg1").dataDirectory, "pg_hba.conf");
  const rules = readFileSync(file, "utf8");
  const reload = () => on(world, "pg1", (connection) => connection.query("select pg_reload_conf()"));
  writeFileSync(file, `host replication all 127.0.0.1/32 reject\n${rules}`);
  try {
    await reload();
    await on(world, "pg1", (connection) =>
      connection.query("select pg_terminate_backend(pid) from pg_stat_replication where application_name = $1", [
        standby,
      ]),
    );
    await until("it is cut off", async () => (await replicationFindings(world)).length > 0);
    await work();
  } finally {
    writeFileSync(file, rules);
    await reload();
  }
}

/** pg1 wrote by itself after pg2 was promoted, and is up as a standby of pg2 that can never follow. */
async function diverge(world: World): Promise<void> {
  await on(world, "pg1", (connection) => connection.query("create table t (i int)"));
  await signal(world, "pg1", "SIGKILL");
  const pg1 = await instanceOf(world, "pg1");
  await until("pg1 is down", async () => (await pg1.inspect()).state === "down");
  await world.lab.promote("pg2");
  await pg1.start(60_000);
  await on(world, "pg1", (connection) =>
    connection.query("set synchronous_commit = local; insert into t select generate_series(1, 1000)"),
  );
  await pg1.stop("fast", 10_000);
  await pg1.markStandby();
  const { port } = world.lab.node("pg2");
  await pg1.writeSettings({ primary_conninfo: `host=127.0.0.1 port=${port} user=replicator application_name=pg1` });
  await pg1.start(60_000);
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

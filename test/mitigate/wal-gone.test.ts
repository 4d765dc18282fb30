import assert from "node:assert/strict";
import { test } from "node:test";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { everyMajor } from "../support/postgres-versions.ts";
import { on, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* The WAL that a standby lacks is gone from its primary. That its log says so is in rejoin.test.ts. */

const settings = {
  wal_keep_size: "0",
  max_wal_size: "32MB",
  // On a busy machine a standby that is cut off for being late would lose its WAL as well.
  wal_sender_timeout: "60s",
  wal_receiver_timeout: "60s",
};

test("its log cannot be read: by what the primary has", async () => {
  await withWorld({ settings }, async (world) => {
    await whileAway(world, "pg3", () => writeMuch(world));
    const fleet: World["fleet"] = {
      ...world.fleet,
      async instance(cluster, node) {
        const instance = await world.fleet.instance(cluster, node);
        return instance && { ...instance, lastErrors: async () => ({ file: "", lines: [] }) };
      },
    };
    const handlers = registryOf(...mitigationHandlers({ ...world, fleet }));
    const executor = createExecutor({ timeline: world.timeline, handlers });
    const plan = await world.plan("rejoin", "ledger/pg3");
    assert.ok(!isRefusal(plan));
    await executor.store(plan, "person:test");
    const result = await executor.run(plan.id, "person:test", "person");
    const events = await world.events(plan.id);
    const failed = events.filter(({ kind }) => kind === "step.failed").map(({ data }) => data);
    assert.equal(result.outcome, "done", `${result.state} ${JSON.stringify(failed)}`);
    const done = events.map(({ data }) => data as { step?: string; outcome?: { how?: string } });
    assert.equal(done.find(({ step, outcome }) => step === "rejoin-pg3" && outcome)?.outcome?.how, "cloned");
  });
});

// Before version 18 such a slot lets a standby stream again by itself.
const { binaries, skip } = everyMajor.at(-1)!;

test("its slot has lost it: the slot is made anew as well", { skip }, async () => {
  await withWorld({ binaries, settings: { ...settings, max_slot_wal_keep_size: "1MB" } }, async (world) => {
    await on(world, "pg1", (one) => one.query("select pg_create_physical_replication_slot('three', true)"));
    await on(world, "pg3", async (one) => {
      await one.query("alter system set primary_slot_name = 'three'");
      await one.query("select pg_reload_conf()");
    });
    const statusOf = () =>
      on(world, "pg1", async (one) => {
        const [row] = await one.query<{ status: string }>(
          "select case when active then 'active' else wal_status end as status from pg_replication_slots",
        );
        return row?.status;
      });
    await until("pg3 uses it", async () => (await statusOf()) === "active");
    await whileAway(world, "pg3", () => writeMuch(world));
    assert.equal(await statusOf(), "lost");
    const result = await world.act("rejoin", "ledger/pg3");
    assert.equal(result.outcome, "done", result.state);
    await until("it streams by it", async () => (await statusOf()) === "active");
    assert.ok((await streaming(world, "pg1")).includes("pg3"));
  });
});

async function whileAway(world: World, node: string, work: () => Promise<void>): Promise<void> {
  const instance = await world.fleet.instance("ledger", node);
  assert.ok(instance);
  await instance.stop("fast", 10_000);
  await work();
  await instance.start(20_000);
}

async function writeMuch(world: World): Promise<void> {
  const isReceived = () =>
    on(world, "pg1", async (connection) => {
      const [row] = await connection.query<{ all: boolean }>(
        "select bool_and(flush_lsn >= pg_current_wal_lsn()) as all from pg_stat_replication",
      );
      return row?.all === true;
    });
  for (let round = 0; round < 4; round++) {
    await on(world, "pg1", (one) =>
      one.query("select pg_switch_wal() from pg_logical_emit_message(false, 'test', 'x')"),
    );
    await until("the others have it", isReceived);
    await on(world, "pg1", (one) => one.query("checkpoint"));
  }
}

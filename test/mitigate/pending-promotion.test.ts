import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { askRole } from "../../src/drivers/postgres/promotion.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { requestStop } from "../../src/plan/stop.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* Somebody has promoted a standby, and its recovery has not ended yet: PostgreSQL has removed the `promote` file. */

function withPending(use: (world: World, promote: () => Promise<void>) => Promise<void>): Promise<void> {
  const recovery_end_command = "touch ending; until [ -e finish ]; do sleep 0.1; done";
  return withWorld({ nodeSettings: { pg3: { recovery_end_command } } }, async (world) => {
    const { dataDirectory } = world.lab.node("pg3");
    const promote = async () => {
      await on(world, "pg3", (connection) => connection.query("select pg_promote(false)"));
      await until("the recovery of pg3 ends", async () => existsSync(ending(world)));
      assert.equal(existsSync(join(dataDirectory, "promote")), false);
    };
    try {
      await use(world, promote);
    } finally {
      writeFileSync(join(dataDirectory, "finish"), "");
    }
    await until("pg3 is promoted", async () => (await on(world, "pg3", askRole)).role === "primary");
    assert.equal(await onlyPrimary(world), "pg3");
  });
}

function ending(world: World): string {
  return join(world.lab.node("pg3").dataDirectory, "ending");
}

test("no other node is promoted while the recovery of a promoted standby ends", () =>
  withPending(async (world, promote) => {
    await signal(world, "pg1", "SIGKILL");
    const before = await world.plan("failover", "ledger");
    assert.ok(!isRefusal(before));
    await world.executor.store(before, "person:test");
    await promote();
    const refused = await world.plan("failover", "ledger");
    assert.equal(isRefusal(refused) && refused.rule, "promotion-pending");
    const { state } = await world.executor.run(before.id, "person:test", "person");
    assert.match(state, /not known \(pg3: its promotion is pending/);
  }));

test("the old primary is not started beside a promoted standby whose recovery ends, nor by a plan of before", () =>
  withPending(async (world, promote) => {
    await signal(world, "pg1", "SIGKILL");
    const before = await world.plan("restart", "ledger/pg1");
    assert.ok(!isRefusal(before));
    await world.executor.store(before, "person:test");
    await promote();
    const refused = await world.plan("restart", "ledger/pg1");
    assert.ok(isRefusal(refused), "a second primary would be started");
    assert.equal(refused.rule, "promotion-pending");
    const { outcome, state } = await world.executor.run(before.id, "person:test", "person");
    assert.equal(outcome, "stopped");
    assert.match(state, /The promotion of pg3 is pending/);
  }));

test("a failover that is stopped while the recovery of the new primary ends says that its promotion is pending", () =>
  withPending(async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger", { node: "pg3", acceptLoss: true });
    assert.ok(!isRefusal(plan));
    assert.ok(Number(plan.steps.find(({ id }) => id === "promote")?.parameters.timeoutMs) > 10 * 60_000);
    await world.executor.store(plan, "person:test");
    const running = world.executor.run(plan.id, "person:test", "person");
    await until("the recovery of pg3 ends", async () => existsSync(ending(world)));
    await requestStop(world.timeline, plan.id, "person:test", "a test");
    const { outcome, state } = await running;
    assert.equal(outcome, "stopped");
    assert.match(state, /The promotion of pg3 is still pending/);
  }));

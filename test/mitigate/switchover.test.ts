import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Connection } from "../../src/drivers/postgres/connection.ts";
import { askRole } from "../../src/drivers/postgres/promotion.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { interruptBefore } from "./interrupt.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { type World, withUnwatchedWorld, withWorld } from "./world.ts";

/* A switchover in which something happens between the stop of the primary and the promotion: nothing may be lost. */

const asynchronous = { standbys: ["asynchronous", "asynchronous"] } as const;
const promote = "select pg_promote(true)";

test("the target is promoted by somebody before it has received all: it is not taken for the plan's own work", async () => {
  await withWorld(asynchronous, async (world) => {
    const plan = await planned(world);
    const executor = executorBefore(world, async () => {
      await on(world, "pg2", (connection) => connection.query(promote));
      await acknowledge(world);
    });
    const result = await executor.run(plan.id, "person:test", "person");
    assert.equal(result.outcome, "stopped", "an acknowledged write is lost");
    assert.match(result.state, /called off; pg1 stays down\. .*pg2 is the primary; pg1 would come up as a second one/);
    assert.equal(await onlyPrimary(world), "pg2");
  });
});

test("the promotion of the target, by somebody, is still pending when the switchover is called off: the primary stays down", async () => {
  const recovery_end_command = "until [ -e finish ]; do sleep 0.1; done";
  await withWorld({ ...asynchronous, nodeSettings: { pg2: { recovery_end_command } } }, async (world) => {
    const plan = await planned(world);
    const executor = executorBefore(world, async () => {
      await on(world, "pg2", async (connection) => {
        await connection.query("select pg_promote(false)");
        await until("pg2 receives no more", async () => (await receivers(connection)) === 0);
      });
      await acknowledge(world);
    });
    try {
      const result = await executor.run(plan.id, "person:test", "person");
      assert.match(result.state, /called off; pg1 stays down\. .*The promotion of pg2 is pending/);
    } finally {
      writeFileSync(join(world.lab.node("pg2").dataDirectory, "finish"), "");
    }
    await until("pg2 is promoted", async () => (await on(world, "pg2", askRole)).role === "primary");
    assert.equal(await onlyPrimary(world), "pg2");
  });
});

async function receivers(connection: Connection): Promise<number> {
  return (await connection.query("select from pg_stat_wal_receiver")).length;
}

test("the primary was started again after the stop: an interrupted switchover is not resumed over what it wrote", async () => {
  await withWorld(asynchronous, async (world) => {
    const plan = await planned(world);
    await interruptBefore(world, plan, "promote");
    const instance = await world.fleet.instance("ledger", "pg1");
    await instance?.unmarkStandby();
    await instance?.start(60_000);
    await acknowledge(world);
    await signal(world, "pg1", "SIGKILL");
    const result = await world.executor.run(plan.id, "person:test");
    assert.equal(result.outcome, "stopped", "an acknowledged write is lost");
    assert.match(result.state, /pg1 was fenced by this plan, and may have taken writes since/);
  });
});

test("beside a standby that lets nobody in (hot_standby = off) another takes over", async () => {
  await withUnwatchedWorld(asynchronous, async (world) => {
    await untilClosed(world, "pg3");
    const plan = await planned(world);
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(await onlyPrimary(world), "pg2", result.state);
  });
});

test("a node of which it is not known whether it takes writes keeps the primary from being stopped", async () => {
  await withWorld(asynchronous, async (world) => {
    const plan = await planned(world);
    await untilClosed(world, "pg3");
    // As on another machine: what runs there cannot be told.
    const blind = {
      ...world.fleet,
      instance: async (cluster: string, node: string) =>
        node === "pg3" ? undefined : world.fleet.instance(cluster, node),
    };
    const handlers = registryOf(...mitigationHandlers({ ...world, fleet: blind }));
    const result = await createExecutor({ timeline: world.timeline, handlers }).run(plan.id, "person:test", "person");
    assert.match(result.state, /Whether another node takes writes is not known \(pg3: .*nothing was stopped/);
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

test("a node that was promoted since the plan was made keeps the primary from being stopped", async () => {
  await withWorld(asynchronous, async (world) => {
    const plan = await planned(world);
    await on(world, "pg3", (connection) => connection.query(promote));
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.match(result.state, /pg3 takes writes already\. Done: “Write a checkpoint/);
    assert.equal((await (await world.fleet.instance("ledger", "pg1"))?.inspect())?.state, "running");
  });
});

/** It goes on receiving, and nobody can ask it. */
async function untilClosed(world: World, node: string): Promise<void> {
  const instance = await world.fleet.instance("ledger", node);
  await on(world, node, (connection) => connection.query("alter system set hot_standby = off"));
  await instance?.stop("fast", 60_000);
  // It accepts no connections, and has started all the same.
  await instance?.start(60_000);
}

async function planned(world: World): Promise<Plan> {
  const plan = await world.plan("switchover", "ledger", { node: "pg2" });
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}

/** This happens once it was seen that the target follows, and before the primary is stopped. */
function executorBefore(world: World, happens: () => Promise<void>) {
  const handlers = mitigationHandlers(world).map((handler): StepHandler => {
    if (handler.kind !== "postgres.hand-over") return handler;
    return {
      ...handler,
      async do(step) {
        await happens();
        return handler.do(step);
      },
    };
  });
  return createExecutor({ timeline: world.timeline, handlers: registryOf(...handlers) });
}

async function acknowledge(world: World): Promise<void> {
  await on(world, "pg1", (connection) => connection.query("create table acknowledged as select 1 as i"));
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../src/base/time.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { interruptBefore } from "./interrupt.ts";
import { on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* A plan that was interrupted is resumed after somebody else ended the same outage, and another one began. */

describe("a plan that is resumed", { concurrency: 2 }, () => {
  for (const [kind, step] of [
    ["failover", "elect"],
    ["failover", "promote"],
    ["switchover", "promote"],
  ] as const)
    test(`a ${kind} interrupted before ${step} does not promote once another was the primary and has died`, async () => {
      await withWorld({}, async (world) => {
        if (kind === "failover") await signal(world, "pg1", "SIGKILL");
        const planId = await interrupted(world, kind, step);
        await on(world, "pg3", (connection) => connection.query("select pg_promote(true)"));
        await on(world, "pg3", (connection) => connection.query("create table acknowledged ()"));
        await signal(world, "pg3", "SIGKILL");
        const result = await world.executor.run(planId, "person:test");
        assert.equal(result.outcome, "stopped", "what pg3 acknowledged is lost");
        assert.match(result.state, /pg3 is on timeline 2, which is not the line of pg2/);
        assert.ok(await isStandby(world, "pg2"));
      });
    });

  test("a failover interrupted before promote does not promote where a dead node may have been promoted", async () => {
    await withWorld({}, async (world) => {
      await withSystemFile(world, hostless, async (far) => {
        assert.equal(far.system.clusters.ledger?.nodes.pg3?.host, undefined);
        await signal(world, "pg1", "SIGKILL");
        const planId = await interrupted(far, "failover", "promote");
        await signal(world, "pg3", "SIGKILL");
        const result = await far.executor.run(planId, "person:test");
        assert.equal(result.outcome, "stopped");
        assert.match(result.state, /on which timeline pg3 is cannot be told: it may have been promoted/);
        // The way out.
        const { outcome, state } = await far.act("failover", "ledger", { node: "pg2" });
        assert.notEqual(outcome, "stopped", state);
        assert.equal(await onlyPrimary(world), "pg2");
      });
    });
  });

  test("a failover where nobody is to be fenced goes on without a node that could not be asked when it was planned", async () => {
    await withWorld({}, async (world) => {
      await withSystemFile(world, hostless, async (far) => {
        for (const node of ["pg1", "pg3"]) await signal(world, node, "SIGKILL");
        const pg1 = await world.fleet.instance("ledger", "pg1");
        await pg1?.markStandby();
        await pg1?.start(60_000);
        const { outcome, state } = await far.act("failover", "ledger", { node: "pg2" });
        assert.notEqual(outcome, "stopped", state);
        assert.equal(await onlyPrimary(world), "pg2");
      });
    });
  });

  test("a failover that was planned an hour ago does not promote once another was the primary and has died", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const { id: planId } = await stored(world, "failover");
      await on(world, "pg3", (connection) => connection.query("select pg_promote(true)"));
      await on(world, "pg3", (connection) => connection.query("create table acknowledged ()"));
      await signal(world, "pg3", "SIGKILL");
      const result = await anHourLater(world).run(planId, "person:test", "person");
      assert.equal(result.outcome, "stopped", "what pg3 acknowledged is lost");
      assert.match(result.state, /pg3 is on timeline 2, which is not the line of pg2/);
      assert.ok(await isStandby(world, "pg2"));
    });
  });

  test("a failover that was planned an hour ago is carried out beside a branch that was there when it was planned", async () => {
    await withWorld({}, async (world) => {
      await on(world, "pg3", (connection) => connection.query("select pg_promote(true)"));
      const pg3 = await world.fleet.instance("ledger", "pg3");
      await pg3?.stop("fast", 10_000);
      await pg3?.markStandby();
      await pg3?.start(60_000);
      await on(world, "pg1", (connection) => connection.query("create table acknowledged ()"));
      await until("pg2 streams", async () => (await streaming(world, "pg1")).includes("pg2"));
      await signal(world, "pg1", "SIGKILL");
      const { id: planId } = await stored(world, "failover");
      const { outcome, state } = await anHourLater(world).run(planId, "person:test", "person");
      assert.notEqual(outcome, "stopped", state);
      assert.ok(!(await isStandby(world, "pg2")));
    });
  });

  test("a failover interrupted before promote goes on where another node has died as a standby", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const planId = await interrupted(world, "failover", "promote");
      await signal(world, "pg3", "SIGKILL");
      const { outcome, state } = await world.executor.run(planId, "person:test");
      assert.notEqual(outcome, "stopped", state);
      assert.equal(await onlyPrimary(world), "pg2");
    });
  });
});

describe("an election that is resumed", { concurrency: 2 }, () => {
  test("it leaves the standbys of a primary alone that serves again", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const planId = await interrupted(world, "failover", "elect");
      await unfenced(world);
      await until("both stream", async () => (await streaming(world, "pg1")).join() === "pg2,pg3");
      const receivers = await Promise.all(["pg2", "pg3"].map((node) => receiverOf(world, node)));
      const result = await world.executor.run(planId, "person:test");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state, /pg1 was fenced by this plan, and may have taken writes since/);
      assert.deepEqual(await Promise.all(["pg2", "pg3"].map((node) => receiverOf(world, node))), receivers);
    });
  });

  test("it leads back the standbys that were aimed at nowhere when it was killed", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const planId = await interrupted(world, "failover", "elect");
      for (const node of ["pg2", "pg3"]) await aimAtNowhere(world, node);
      await unfenced(world);
      const result = await world.executor.run(planId, "person:test");
      assert.equal(result.outcome, "stopped");
      await until("both stream", async () => (await streaming(world, "pg1")).join() === "pg2,pg3");
    });
  });
});

/** Nobody can look at what is left of pg3. */
function hostless(systemFile: string): string {
  return systemFile.replace(/(pg3:[\s\S]*?)host: \S+/, "$1");
}

/** With pg2 as the one to be promoted. */
async function stored(world: World, kind: string): Promise<Plan> {
  const plan = await world.plan(kind, "ledger", { node: "pg2" });
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}

function anHourLater({ system, fleet, timeline }: World): World["executor"] {
  const clock = { ...systemClock, now: () => new Date(Date.now() + 3_600_000).toISOString() };
  const handlers = registryOf(...mitigationHandlers({ system, fleet, timeline, clock }));
  return createExecutor({ timeline, handlers });
}

async function interrupted(world: World, kind: string, step: string): Promise<string> {
  const plan = await stored(world, kind);
  await interruptBefore(world, plan, step);
  return plan.id;
}

/** A person takes the fence back. */
async function unfenced(world: World): Promise<void> {
  const pg1 = await world.fleet.instance("ledger", "pg1");
  await pg1?.unmarkStandby();
  await pg1?.start(60_000);
}

async function aimAtNowhere(world: World, node: string): Promise<void> {
  await on(world, node, async (connection) => {
    const [row] = await connection.query<{ now: string }>("select current_setting('primary_conninfo') as now");
    const away = (row?.now ?? "").replace(/host=\S+/, "host=127.0.0.1").replace(/port=\S+/, "port=1");
    await connection.query(`alter system set primary_conninfo = '${away.replaceAll("'", "''")}'`);
    await connection.query("select pg_reload_conf()");
  });
  const aimed = "select 1 where current_setting('primary_conninfo') ~ $1";
  await until("it is aimed at nowhere", () =>
    on(world, node, async (one) => (await one.query(aimed, ["port='?1'?( |$)"])).length > 0),
  );
}

async function receiverOf(world: World, node: string): Promise<number | undefined> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ pid: number }>("select pid from pg_stat_wal_receiver where status = 'streaming'"),
  );
  return row?.pid;
}

function isStandby(world: World, node: string): Promise<boolean> {
  return on(world, node, async (connection) => {
    const [row] = await connection.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
    return row?.standby === true;
  });
}

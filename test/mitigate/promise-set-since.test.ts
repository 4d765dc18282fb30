import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { promisesOfNodes } from "../../src/timeline/promise-record.ts";
import { interruptBefore } from "./interrupt.ts";
import { on, signal, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* A person sets for whom commits wait, while a plan goes on or waits: that is a promise of theirs. */

describe("what somebody has set since the plan was made", { concurrency: 2 }, () => {
  test("stays while the old primary is brought back, and is what is meant from then on", async () => {
    await withWorld({}, async (world) => {
      const theirs = `ANY 1 ("pg3", "pg1")`;
      await signal(world, "pg1", "SIGKILL");
      const plan = await stored(world, "failover", "ledger", { node: "pg2" });
      const handlers = mitigationHandlers(world).map(
        (handler): StepHandler =>
          handler.kind !== "host.keep"
            ? handler
            : {
                ...handler,
                async do(step) {
                  await setNames(world, "pg2", theirs);
                  return handler.do(step);
                },
              },
      );
      const executor = createExecutor({ timeline: world.timeline, handlers: registryOf(...handlers) });
      const result = await executor.run(plan.id, "person:test", "person");
      assert.equal(await names(world, "pg2"), theirs);
      assert.equal(result.outcome, "done", result.state);
      assert.match(await leftBy(world, plan, "set-synchronous-as-meant"), /Somebody has set it since/);
      const recorded = (await promisesOfNodes(world.timeline, "ledger")).find(({ node }) => node === "pg2");
      assert.equal(recorded?.meant, theirs);
    });
  });

  test("stays on a standby that was promoted before the plan came to it, and no write hangs", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const plan = await stored(world, "failover", "ledger", { node: "pg2" });
      await interruptBefore(world, plan, "set-synchronous");
      await on(world, "pg2", (connection) => connection.query("select pg_promote(true)"));
      let set: string | undefined;
      const handlers = mitigationHandlers(world).map(
        (handler): StepHandler =>
          handler.kind !== "postgres.promote"
            ? handler
            : {
                ...handler,
                async check() {
                  set = await names(world, "pg2");
                  return { state: "refused", why: "It is seen.", next: "" };
                },
              },
      );
      const executor = createExecutor({ timeline: world.timeline, handlers: registryOf(...handlers) });
      await executor.run(plan.id, "person:test");
      assert.equal(set, "", "commits wait for a standby that does not stream");
      assert.match(await leftBy(world, plan, "set-synchronous"), /pg2 takes writes already/);
    });
  });

  test("is not given up by a plan that was to give another promise up", async () => {
    await withWorld({}, async (world) => {
      const theirs = `FIRST 2 ("pg2", "pg3")`;
      await signal(world, "pg2", "SIGKILL");
      const plan = await stored(world, "degrade-synchronous", "ledger");
      await setNames(world, "pg1", theirs);
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(await names(world, "pg1"), theirs);
      assert.match(result.state, /Somebody has set it since/);
    });
  });

  for (const [what, change, planned, after] of [
    ["no more is given up than was agreed to", "kill", "pg3", "FIRST 1 (pg2)"],
    ["less is given up where another standby is back", "restart", "nobody", `FIRST 1 ("pg3")`],
  ] as const)
    test(`of a promise that is given up for ${planned}, ${what}`, async () => {
      await withWorld({}, async (world) => {
        const streams = async () => (await streaming(world, "pg1")).join();
        for (const node of planned === "pg3" ? ["pg2"] : ["pg2", "pg3"]) await signal(world, node, "SIGKILL");
        await until("the primary has noticed", async () => (await streams()) === (planned === "pg3" ? "pg3" : ""));
        const plan = await stored(world, "degrade-synchronous", "ledger");
        if (change === "kill") await signal(world, "pg3", "SIGKILL");
        else assert.equal((await world.act("restart", "ledger/pg3")).outcome, "done");
        await until("it has changed", async () => (await streams()) === (change === "kill" ? "" : "pg3"));
        await world.executor.run(plan.id, "person:test", "person");
        assert.equal(await names(world, "pg1"), after);
      });
    });

  test("by another plan, which gave the promise up: it is raised once its standby is back", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg2", "SIGKILL");
      const plan = await stored(world, "rejoin", "ledger/pg2");
      assert.equal((await world.act("degrade-synchronous", "ledger")).outcome, "done");
      assert.equal(await names(world, "pg1"), `FIRST 1 ("pg3")`);
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await names(world, "pg1"), `FIRST 1 ("pg2")`);
    });
  });
});

async function stored(world: World, kind: string, subject: string, options?: { node: string }): Promise<Plan> {
  const plan = await world.plan(kind, subject, options);
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}

async function leftBy(world: World, plan: Plan, step: string): Promise<string> {
  const done = (await world.events(plan.id)).find(
    ({ kind, data }) => kind === "step.done" && (data as { step?: string }).step === step,
  );
  return String((done?.data as { outcome?: { left?: string } } | undefined)?.outcome?.left);
}

async function names(world: World, node: string): Promise<string> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ value: string }>("select current_setting('synchronous_standby_names') as value"),
  );
  return row?.value ?? "";
}

async function setNames(world: World, node: string, value: string): Promise<void> {
  await on(world, node, async (connection) => {
    await connection.query(`alter system set synchronous_standby_names = '${value}'`);
    await connection.query("select pg_reload_conf()");
  });
  await until("it is in force", async () => (await names(world, node)) === value);
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor, type PlanResult } from "../../src/plan/executor.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { undoPlan } from "../../src/plan/undo.ts";
import { promiseSet, promisesOfNodes } from "../../src/timeline/promise-record.ts";
import { on, signal, streaming, until } from "./servers.ts";
import { remember, type World, withSystemFile, withWorld } from "./world.ts";

/*
 * After a promotion the one standby that commits wait for hangs, so fewer are waited for. Whatever becomes of Blackstart
 * meanwhile, a later plan knows by what the new primary may have acknowledged.
 */

describe("for whom commits wait is on record before it is so", { concurrency: 2 }, () => {
  test("where it cannot be recorded that fewer are waited for, the promise is kept, and that is said", async () => {
    await withWorld({}, async (world) => {
      const result = await failoverToHangingStandby(world, async () => true);
      assert.equal(await synchronousNames(world, "pg2"), 'FIRST 1 ("pg3")');
      assert.match(result.state, /on pg2 is left at 'FIRST 1 \("pg3"\)': that it becomes '' cannot be recorded/);
    });
  });

  test("Blackstart comes to its end as soon as fewer are waited for: the next failover does not say that nothing is lost", async () => {
    await withWorld({}, async (world) => {
      const isLowered = async () => (await synchronousNames(world, "pg2")) === "";
      await failoverToHangingStandby(world, isLowered);
      assert.ok(await isLowered());
      await on(world, "pg2", (connection) => connection.query("create table acknowledged as select 1 as i"));
      await signal(world, "pg2", "SIGKILL");
      await signal(world, "pg3", "SIGCONT");
      // Its machine is gone as well.
      const gone = (text: string) =>
        text.replace(/(pg2:[\s\S]*?)host: \S+/, "$1").replace(/( +)nodes:/, "$1fence: 'true'\n$&");
      await withSystemFile(world, gone, async (far) => {
        const made = await far.plan("failover", "ledger");
        assert.ok(isRefusal(made), "what pg2 acknowledged by itself would be lost without a word");
        assert.match(made.missing, /pg2 waited for no standby/);
      });
      const [recorded] = (await promisesOfNodes(world.timeline, "ledger")).filter(({ node }) => node === "pg2");
      assert.deepEqual([recorded?.setting, recorded?.meant], ["", 'FIRST 1 ("pg1")']);
    });
  });

  test("a promise that was raised and is lowered again by undoing is not forgotten", async () => {
    await withWorld({}, async (world) => {
      const set = async () => {
        const [recorded] = (await promisesOfNodes(world.timeline, "ledger")).filter(({ node }) => node === "pg1");
        return [await synchronousNames(world, "pg1"), recorded?.setting, recorded?.meant];
      };
      await signal(world, "pg2", "SIGKILL");
      assert.equal((await world.act("degrade-synchronous", "ledger")).outcome, "done");
      assert.equal((await world.act("restart", "ledger/pg2")).outcome, "done");
      await until("pg2 streams", async () => (await streaming(world, "pg1")).includes("pg2"));
      const { planId } = await world.act("restore-synchronous", "ledger");
      assert.deepEqual(await set(), ['FIRST 1 ("pg2")', 'FIRST 1 ("pg2")', 'FIRST 1 ("pg2")']);
      const handlers = registryOf(...mitigationHandlers(world));
      const undone = await undoPlan({ timeline: world.timeline, handlers }, planId, "person:test", "person");
      assert.equal(undone.outcome, "undone", undone.state);
      assert.deepEqual(await set(), ['FIRST 1 ("pg3")', 'FIRST 1 ("pg3")', 'FIRST 1 ("pg2")']);
    });
  });
});

/** @param fails whether the timeline takes no record of a promise now, from the proving write on */
async function failoverToHangingStandby(world: World, fails: () => Promise<boolean>): Promise<PlanResult> {
  await signal(world, "pg1", "SIGKILL");
  const plan = await world.plan("failover", "ledger", { node: "pg2" });
  assert.ok(!isRefusal(plan), "refused");
  await world.executor.store(plan, "person:test");
  let hangs = false;
  const append = world.timeline.append.bind(world.timeline);
  world.timeline.append = async (stream, version, events, under) => {
    if (hangs && events.some(({ kind }) => kind === promiseSet) && (await fails())) throw new Error("the disk is full");
    return append(stream, version, events, under);
  };
  const handlers = mitigationHandlers(world).map(
    (handler): StepHandler =>
      handler.kind !== "clients.verify-write"
        ? handler
        : {
            ...handler,
            async do(step) {
              await remember(world, ["pg2"]);
              await signal(world, "pg3", "SIGSTOP");
              hangs = true;
              return handler.do(step);
            },
          },
  );
  const executor = createExecutor({ timeline: world.timeline, handlers: registryOf(...handlers) });
  const result = await executor.run(plan.id, "person:test", "person");
  assert.equal(result.outcome, "stopped", result.state);
  return result;
}

async function synchronousNames(world: World, node: string): Promise<string> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ value: string }>("select current_setting('synchronous_standby_names') as value"),
  );
  return row?.value ?? "";
}

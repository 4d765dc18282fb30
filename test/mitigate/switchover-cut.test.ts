import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/time.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { type Cut, cutBetween, cutOff, executorBehind } from "./cut.ts";
import { interruptBefore } from "./interrupt.ts";
import { on, onlyPrimary } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* The way from us to the other nodes is cut in a switchover; people on the other side may promote one of them. */

const asynchronous = { standbys: ["asynchronous", "asynchronous"] } as const;

test("resumed after the stop, where the others cannot be asked and one was promoted: the primary stays down", () =>
  withWorld(asynchronous, async (world) => {
    const plan = await planned(world);
    await interruptBefore(world, plan, "hand-over");
    await (await world.fleet.instance("ledger", "pg1"))?.stop("fast", 60_000);
    await on(world, "pg2", (connection) => connection.query("select pg_promote(true)"));
    const cut = cutBetween();
    cutOff(cut, "pg2", "pg3");
    const result = await executorBehind(world, cut).run(plan.id, "person:test");
    assert.match(result.state, /called off; pg1 stays down\. .*pg2 does not answer.* it may be the primary/);
    assert.match(result.next ?? "", /Reach pg2 .*`blackstart mitigate restart ledger\/pg1`/);
    assert.equal(await onlyPrimary(world), "pg2", "two primaries");
  }));

for (const [what, laterMs, expected] of [
  ["a moment ago", 0, /called off: pg1 is the primary again/],
  ["a minute ago", 60_000, /called off; pg1 stays down\. .*pg2 does not answer/],
] as const)
  test(`the target cannot be asked any more, and was ${what}: ${expected.source}`, () =>
    withWorld(asynchronous, async (world) => {
      const plan = await planned(world);
      let aheadMs = 0;
      const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
      const cut = cutBetween();
      const executor = executorStopping(world, cut, clock, () => {
        aheadMs = laterMs;
        cutOff(cut, "pg2");
      });
      const result = await executor.run(plan.id, "person:test", "person");
      assert.match(result.state, expected);
    }));

/** This happens once it was seen that the target follows, and before the primary is stopped. */
function executorStopping(world: World, cut: Cut, clock: typeof systemClock, happens: () => void) {
  return executorBehind(world, cut, {
    clock,
    handled: (handler) =>
      handler.kind !== "postgres.hand-over"
        ? handler
        : {
            ...handler,
            async do(step) {
              happens();
              return handler.do(step);
            },
          },
  });
}

async function planned(world: World): Promise<Plan> {
  const plan = await world.plan("switchover", "ledger", { node: "pg2" });
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}

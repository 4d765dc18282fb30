import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/time.ts";
import type { StepHandler } from "../../src/plan/handler.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { type Cut, cutBetween, cutOff, executorBehind } from "./cut.ts";
import { interruptBefore } from "./interrupt.ts";
import { assertWhole, on, onlyPrimary } from "./servers.ts";
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
  // As long as a stop may take.
  ["half a minute ago", 30_000, /called off: pg1 is the primary again/],
  ["a minute ago", 60_000, /called off; pg1 stays down\. .*pg2 does not answer/],
] as const)
  test(`the target cannot be asked any more, and was ${what}: ${expected.source}`, () =>
    withWorld(asynchronous, async (world) => {
      const plan = await planned(world);
      let aheadMs = 0;
      const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
      const cut = cutBetween();
      const stops = () => {
        aheadMs = laterMs;
        cutOff(cut, "pg2");
      };
      const executor = executorAt(world, cut, { kind: "postgres.hand-over", phase: "do" }, stops, clock);
      const result = await executor.run(plan.id, "person:test", "person");
      assert.match(result.state, expected);
    }));

/** The way back is there after so many attempts. */
class Briefly extends Set<string> {
  #attempts: number;
  constructor(attempts: number) {
    super();
    this.#attempts = attempts;
  }
  override has(node: string): boolean {
    if (!super.has(node) || this.#attempts <= 0) return false;
    this.#attempts -= 1;
    return true;
  }
}

for (const [what, node, at, attempts] of [
  ["the target, as soon as the old primary is stopped", "pg2", { kind: "postgres.hand-over", phase: "do" }, 20],
  ["the target, as soon as the old primary is marked", "pg2", { kind: "postgres.hand-over", phase: "verify" }, 20],
  // They are asked for three seconds, every 100 ms, whether they take writes.
  ["the target, before the promotion", "pg2", { kind: "postgres.promote", phase: "check" }, 45],
  ["the third node, before the promotion", "pg3", { kind: "postgres.promote", phase: "check" }, 45],
] as const)
  test(`the way is cut for seconds to ${what}: the switchover is done`, () =>
    withWorld(asynchronous, async (world) => {
      const plan = await planned(world);
      const cut: Cut = { servers: new Briefly(attempts), machines: new Set() };
      const executor = executorAt(world, cut, at, () => cutOff(cut, node));
      const result = await executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await assertWhole(world), "pg2");
    }));

for (const [what, node, at, expected] of [
  [
    "the target, as soon as the old primary is marked",
    "pg2",
    { kind: "postgres.hand-over", phase: "verify" },
    /pg1 is stopped and marked as a standby, and pg2 was not promoted: no node takes writes/,
  ],
  ["the target, before the promotion", "pg2", { kind: "postgres.promote", phase: "check" }, /pg2 was not promoted/],
  ["the third node, before the promotion", "pg3", { kind: "postgres.promote", phase: "check" }, /\(pg3: /],
] as const)
  test(`the way is cut for good to ${what}: how things stand is said, and the way out`, () =>
    withWorld(asynchronous, async (world) => {
      const plan = await planned(world);
      const cut = cutBetween();
      const result = await executorAt(world, cut, at, () => cutOff(cut, node)).run(plan.id, "person:test", "person");
      assert.match(result.state, expected);
      assert.match(`${result.state} ${result.next}`, /no node takes writes/i);
      assert.match(result.next ?? "", /`blackstart mitigate unfence ledger\/pg1`/);
      assert.equal((await world.act("unfence", "ledger/pg1")).outcome, "done");
      assert.equal(await onlyPrimary(world), "pg1");
    }));

test("a primary that does not answer us, and may be at work, is not stopped", () =>
  withWorld(asynchronous, async (world) => {
    const plan = await planned(world);
    const cut = cutBetween();
    const executor = executorAt(world, cut, { kind: "postgres.hand-over", phase: "check" }, () => {
      cut.servers.add("pg1");
    });
    const result = await executor.run(plan.id, "person:test", "person");
    assert.match(result.state, /pg1 does not answer/);
    assert.equal(await onlyPrimary(world), "pg1");
  }));

type Moment = Readonly<{ kind: string; phase: "check" | "do" | "verify" }>;

/** This happens right before that phase of the step. */
function executorAt(world: World, cut: Cut, { kind, phase }: Moment, happens: () => void, clock = systemClock) {
  const handled = (handler: StepHandler): StepHandler =>
    handler.kind !== kind
      ? handler
      : {
          ...handler,
          [phase]: (...asked: Parameters<StepHandler["verify"]>) => {
            happens();
            return handler[phase](...asked);
          },
        };
  return executorBehind(world, cut, { clock, handled });
}

async function planned(world: World): Promise<Plan> {
  const plan = await world.plan("switchover", "ledger", { node: "pg2" });
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { createFleet, type Fleet } from "../../src/drivers/fleet.ts";
import type { Instance } from "../../src/drivers/postgres/instance.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { type Outage, otherOutage, ranSince } from "../../src/mitigate/outage.ts";
import { rememberedOf } from "../../src/mitigate/memory.ts";
import { createExecutor, type PlanResult } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal, type Plan, type PlanRequest } from "../../src/plan/plan.ts";
import { interruptBefore } from "./interrupt.ts";
import { onlyPrimary, on, signal } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* A plan holds for the outage that it was made for: not for a primary that is back, and not for the next outage. */

const down: Outage = {
  state: "down",
  pid: null,
  startedAtMs: 1000,
  control: "a",
  synchronousStandbyNames: "pg2",
  synchronousCommit: "on",
  seenAt: 1,
};
const runs: Outage = { ...down, state: "runs", pid: 7 };
const unseen: Outage = {
  state: null,
  pid: null,
  startedAtMs: null,
  control: null,
  synchronousStandbyNames: null,
  synchronousCommit: null,
  seenAt: 1,
};

const cases: readonly (readonly [name: string, planned: Outage, now: Outage, expected: RegExp | undefined])[] = [
  ["nothing changed", down, down, undefined],
  ["a hung server went on writing", runs, { ...runs, control: "b" }, undefined],
  ["a hung server died meanwhile", runs, { ...down, control: "b" }, undefined],
  ["a dead server runs", down, runs, /runs again/],
  ["a dead server ran, and is dead", down, { ...down, control: "b" }, /ran since/],
  ["a hung server was started anew", runs, { ...runs, pid: 8 }, /was started/],
  ["what its postmaster left was ended, and it was started", { ...runs, pid: null }, runs, /was started/],
  [
    "a hung server was started anew, in a container, with the same pid",
    runs,
    { ...runs, startedAtMs: 2000 },
    /was started/,
  ],
  ["what its postmaster left is there", { ...runs, pid: null }, { ...runs, pid: null }, undefined],
  ["its promise was changed", down, { ...down, synchronousStandbyNames: "" }, /commits wait/],
  ["it no longer waits", runs, { ...runs, synchronousCommit: "off" }, /commits wait/],
  ["its files cannot be read now", down, { ...down, control: null, synchronousStandbyNames: null }, undefined],
  ["its host does not answer, now as then", unseen, unseen, undefined],
  ["its host did not answer, and it was seen at work", unseen, { ...unseen, seenAt: 2 }, /seen at work/],
  ["a hung server was seen at work, and hangs again", runs, { ...runs, seenAt: 2 }, /seen at work/],
  [
    "its files could not be read, and it was seen at work",
    { ...down, control: null },
    { ...down, seenAt: 2 },
    /at work/,
  ],
  ["its host did, and what the watch saw is older news", down, { ...down, seenAt: 2 }, undefined],
];

for (const [name, planned, now, expected] of cases)
  test(`outage: ${name}`, () => {
    const why = otherOutage(planned, now);
    if (expected === undefined) assert.equal(why, undefined);
    else assert.match(why ?? "", expected);
  });

for (const [name, now, ran] of [
  ["lies there as it was", { control: "a", clusterState: "in production", standbySignal: true }, false],
  ["runs as a standby", { control: "b", clusterState: "in archive recovery", standbySignal: true }, false],
  [
    "runs as a standby that somebody has promoted",
    { control: "b", clusterState: "in archive recovery", standbySignal: true, promoteSignal: true },
    true,
  ],
  ["was stopped as a standby", { control: "b", clusterState: "shut down in recovery", standbySignal: true }, false],
  ["has lost its mark", { control: "a", clusterState: "in production", standbySignal: false }, true],
  [
    "is being started, by whatever began before it was marked",
    { control: "a", clusterState: "shut down", standbySignal: true, runs: true },
    true,
  ],
  ["was a primary, and marked again", { control: "b", clusterState: "shut down", standbySignal: true }, true],
] as const)
  test(`a fenced server that ${name} ${ran ? "may have taken" : "took no"} writes`, () => {
    assert.equal(ranSince("a", { runs: false, ...now }) !== undefined, ran);
  });

test("the primary comes back while it is being fenced: it is left alone, and goes on", async () => {
  await withWorld({}, async (world) => {
    const plan = await planned(world);
    const { result, started } = await runWith(world, plan, "markStandby", async (instance) => {
      await instance.start(60_000);
      await acknowledge(world);
    });
    assert.equal(result.outcome, "stopped", "a healthy primary was shot");
    assert.match(result.state, /pg1 is back and takes writes/);
    assert.equal(await onlyPrimary(world), "pg1");
    const state = await started.inspect();
    assert.deepEqual([state.state, state.standbySignal], ["running", false]);
    await acknowledge(world);
  });
});

test("the primary came back and died again while it was being fenced: nothing is promoted on the first verdict", async () => {
  await withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const plan = await planned(world);
    const { result, started } = await runWith(world, plan, "markStandby", async (instance) => {
      await signal(world, "pg2", "SIGSTOP");
      await instance.start(60_000);
      await acknowledge(world);
      await signal(world, "pg1", "SIGKILL");
      await signal(world, "pg2", "SIGCONT");
    });
    assert.equal(result.outcome, "stopped", "an acknowledged write is lost");
    assert.match(result.state, /pg1 is not as it was .*ran since/);
    assert.equal((await started.inspect()).standbySignal, false);
    const refused = await world.plan("failover", "ledger");
    assert.ok(isRefusal(refused), "what it acknowledged meanwhile would be lost");
  });
});

test("a plan of one outage is not carried out in the next", async () => {
  await withWorld({}, async (world) => {
    const plan = await planned(world);
    const instance = await instanceOf(world.fleet);
    await instance.start(60_000);
    await acknowledge(world);
    await signal(world, "pg1", "SIGKILL");
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(result.outcome, "stopped");
    assert.match(result.state, /pg1 is not as it was when this plan was made/);
    assert.equal((await instance.inspect()).standbySignal, false);
  });
});

test("a plan that was interrupted after its fence is not resumed in the next outage", async () => {
  await withWorld({}, async (world) => {
    const plan = await planned(world);
    const instance = await instanceOf(world.fleet);
    await interruptBefore(world, plan, "elect");
    await instance.unmarkStandby();
    await instance.start(60_000);
    await on(world, "pg1", (connection) => connection.query("alter system set synchronous_standby_names = ''"));
    await on(world, "pg1", (connection) => connection.query("select pg_reload_conf()"));
    await acknowledge(world);
    await signal(world, "pg1", "SIGKILL");
    const result = await world.executor.run(plan.id, "person:test");
    assert.equal(result.outcome, "stopped", "an acknowledged write is lost");
    assert.match(result.state, /pg1 was fenced by this plan, and may have taken writes since/);
  });
});

test("what was cut off by a command before an interruption is not taken for cut off when the plan is resumed", async () => {
  await withWorld({}, async (world) => {
    const cut = (text: string) =>
      text.replace(/(pg1:[\s\S]*?)host: \S+/, "$1").replace(/( +)nodes:/, "$1fence: 'true'\n$&");
    await withSystemFile(world, cut, async (far) => {
      assert.equal(far.system.clusters.ledger?.fence, "true");
      await signal(world, "pg1", "SIGKILL");
      const plan = await far.plan("failover", "ledger");
      if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
      await far.executor.store(plan, "person:test");
      await interruptBefore(far, plan, "elect");
      const result = await far.executor.run(plan.id, "person:test");
      assert.equal(result.outcome, "stopped", "whoever let it in again since has two primaries");
      assert.match(result.state, /interrupted, and whether it is cut off still cannot be seen/);
    });
  });
});

test("a primary that is back before its mark is known to have failed is not cut off", async () => {
  await withWorld({}, async (world) => {
    const { ledger } = world.system.clusters;
    assert.ok(ledger);
    const system = { ...world.system, clusters: { ledger: { ...ledger, fence: "true" } } };
    const plan = await planned(world);
    const { result } = await runWith({ ...world, system }, plan, "markStandby", async (instance) => {
      await instance.start(60_000);
      throw new BlackstartError("HOST_COMMAND_FAILED", { what: "Its disk hung.", why: "A test.", next: "None." });
    });
    assert.equal(result.outcome, "stopped", "a healthy primary was shot");
    assert.match(result.state, /pg1 is back and takes writes/);
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

test("a loss that was accepted in one outage is not taken for accepted in the next, which found the node marked", async () => {
  await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (world) => {
    const plan = await planned(world, { acceptLoss: true });
    assert.equal((await world.act("failover", "ledger", { acceptLoss: true })).outcome, "done");
    const second = await onlyPrimary(world);
    await signal(world, "pg1", "SIGKILL");
    await signal(world, second, "SIGKILL");
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(result.outcome, "stopped", "promoted on the verdict of the first outage");
    assert.match(result.state, /pg1 is not as it was when this plan was made/);
  });
});

/** For the primary that was just killed. */
async function planned(world: World, options: PlanRequest["options"] = {}): Promise<Plan> {
  await signal(world, "pg1", "SIGKILL");
  const plan = await world.plan("failover", "ledger", options);
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}

async function acknowledge(world: World): Promise<void> {
  await on(world, "pg1", (connection) => connection.query("create table if not exists acknowledged (at timestamptz)"));
  await on(world, "pg1", (connection) => connection.query("insert into acknowledged values (now())"));
}

async function instanceOf(fleet: Fleet): Promise<Instance> {
  const instance = await fleet.instance("ledger", "pg1");
  assert.ok(instance);
  return instance;
}

/** Carries the plan out; right before this is done to pg1, that happens. */
async function runWith(
  { system, timeline }: World,
  plan: Plan,
  before: "markStandby",
  happens: (instance: Instance) => Promise<void>,
): Promise<{ result: PlanResult; started: Instance }> {
  const real = createFleet(system, async (cluster, node) => (await rememberedOf(timeline, cluster)).get(node));
  const started = await instanceOf(real);
  const interrupted: Instance = {
    ...started,
    async [before]() {
      await happens(started);
      await started[before]();
    },
  };
  const fleet: Fleet = {
    ...real,
    instance: async (cluster, node) => (node === "pg1" ? interrupted : real.instance(cluster, node)),
  };
  try {
    const handlers = registryOf(...mitigationHandlers({ system, fleet, timeline }));
    const result = await createExecutor({ timeline, handlers }).run(plan.id, "person:test", "person");
    return { result, started };
  } finally {
    await real.close();
  }
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/time.ts";
import { listPlans } from "../../src/plan/status.ts";
import { counting, findingOf, notesOf, statesOf, withAutopilot } from "./autopilot-world.ts";
import { startStartingServer } from "../support/starting-server.ts";
import { assertWhole, signal, until } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* How often the autopilot tries, on real clusters. */

/** Nothing can be told of it: it is halted, and its host is not declared. */
function lostFromSight(node: string): (text: string) => string {
  return (text) => text.replace(new RegExp(`( ${node}:\\n(?: {8}.*\\n)*?) {8}host:.*\\n`), "$1");
}

test("a third node that cannot be asked costs no try: it is told, and once it answers the failover is done", async () => {
  await withWorld({}, async (all) => {
    await withSystemFile(all, lostFromSight("pg3"), async (world) => {
      await signal(all, "pg3", "SIGSTOP");
      await signal(all, "pg1", "SIGKILL");
      await withAutopilot(world, "auto", world.timeline, async (raise) => {
        await raise(findingOf("cluster.no-primary", "failover"));
        await until("the incident says it", async () => (await notesOf(world)).length > 0);
        assert.match((await notesOf(world))[0] ?? "", /another node takes writes is not known \(pg3: .*did not answer/);
        await signal(all, "pg3", "SIGCONT");
        await until("it is done", async () => (await statesOf(world)).at(-1) === "failover done");
      });
      assert.deepEqual(await statesOf(world), ["failover done"]);
      await assertWhole(world);
    });
  });
});

/** Each plan stops when it has fenced the old primary, as is recorded; nothing is done to any server. */
function stoppingExecutor({ executor, timeline }: World): World["executor"] {
  return {
    store: executor.store,
    run: async (planId) => {
      const state = "pg1 is fenced, and nothing was promoted.";
      const stopped = { step: "elect", code: "STEP_FAILED", message: "", why: "", next: "" };
      await timeline.append(`plan/${planId}`, "any", [
        { kind: "plan.approved", by: "auto", data: { how: "policy" } },
        { kind: "plan.started", by: "executor", data: { token: 1, executor: "a test" } },
        { kind: "step.done", by: "executor", data: { step: "fence", already: false, outcome: {}, tookMs: 1 } },
        { kind: "step.failed", by: "executor", data: stopped },
        { kind: "plan.stopped", by: "executor", data: { step: "elect", state, next: "" } },
      ]);
      return { planId, outcome: "stopped", state };
    },
  };
}

test("after the last try the failover is proposed, and the incident says why it waits", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    await withAutopilot({ ...world, executor: stoppingExecutor(world) }, "auto", world.timeline, async (raise) => {
      await raise(findingOf("cluster.no-primary", "failover"));
      await until("it is told", async () => (await notesOf(world)).length > 0);
    });
    const tried = Array.from({ length: 3 }, () => "failover stopped");
    assert.deepEqual(await statesOf(world), [...tried, "failover proposed"]);
    assert.match((await notesOf(world)).join(), /waits for a person: it was tried 3 times for this incident/);
  });
});

test("two nodes that are down are both brought back, and proposed where a person decides", async () => {
  const down = ["pg2", "pg3"].map((node) => findingOf("node.down", "rejoin", `ledger/${node}`));
  const subjects = async (world: World) =>
    (await listPlans(world.timeline)).map(({ plan, state }) => `${plan.subject.name} ${state}`).sort();
  await withWorld({}, async (world) => {
    for (const node of ["pg2", "pg3"]) await signal(world, node, "SIGKILL");
    await withAutopilot(world, {}, world.timeline, async (raise) => {
      await raise(...down);
      await until("both are proposed", async () => (await statesOf(world)).length === 2);
    });
    assert.deepEqual(await subjects(world), ["ledger/pg2 proposed", "ledger/pg3 proposed"]);
  });
  await withWorld({}, async (world) => {
    for (const node of ["pg2", "pg3"]) await signal(world, node, "SIGKILL");
    await withAutopilot(world, { rejoin: "auto" }, world.timeline, async (raise) => {
      await raise(...down);
      await until("both have ended", async () => (await statesOf(world)).join() === "rejoin done,rejoin done");
    });
    assert.deepEqual(await subjects(world), ["ledger/pg2 done", "ledger/pg3 done"]);
    assert.deepEqual(await notesOf(world), []);
    await assertWhole(world);
  });
});

test("a plan that was stored and never begun is put aside, and another made in its place", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    let failed = false;
    const run: World["executor"]["run"] = async (...asked) => {
      if (failed) return world.executor.run(...asked);
      failed = true;
      throw new Error("the timeline cannot be read");
    };
    const acting = { ...world, executor: { ...world.executor, run } };
    const done = withAutopilot(acting, "auto", world.timeline, async (raise) => {
      await raise(findingOf("cluster.no-primary", "failover"));
      await until("it is done", async () => (await statesOf(world)).includes("failover done"));
    });
    await assert.rejects(done, /the timeline cannot be read/);
    assert.deepEqual(await statesOf(world), ["failover discarded", "failover done"]);
    await assertWhole(world);
  });
});

test("a rejoin that is refused again and again keeps no failover waiting", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const { timeline, attempts } = counting(world.timeline);
    await withAutopilot(world, { failover: "auto", rejoin: "auto" }, timeline, async (raise) => {
      await raise(findingOf("replication.not-following", "rejoin", "ledger/pg2"));
      await until("it is refused", async () => (await notesOf(world)).length > 0);
      const before = attempts();
      await raise(findingOf("cluster.no-primary", "failover"));
      await until("it is planned", async () => (await statesOf(world)).length > 0);
      assert.ok(attempts() - before < 10, `${attempts() - before} attempts of the rejoin came before`);
      await until("it is done", async () => (await statesOf(world)).includes("failover done"));
    });
    await assertWhole(world);
  });
});

test("a primary that was alive at the first look, and dies before the watch sees it so, is replaced", async () => {
  await withWorld({}, async (world) => {
    const { timeline, attempts } = counting(world.timeline);
    await withAutopilot(world, "auto", timeline, async (raise) => {
      await raise(findingOf("cluster.no-primary", "failover"));
      await until("it was looked at twice", async () => attempts() >= 2);
      assert.deepEqual(await statesOf(world), []);
      await signal(world, "pg1", "SIGKILL");
      await until("it is done", async () => (await statesOf(world)).includes("failover done"));
    });
  });
});

test("a primary that starts up by itself is given its time by the clock, and the incident says so once", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const instance = await world.fleet.instance("ledger", "pg1");
    await until("nothing is left of it", async () => (await instance?.inspect())?.state === "down");
    const starting = await startStartingServer(world.lab.node("pg1").port);
    try {
      let stepMs = 0;
      const clock = { ...systemClock, monotonicMs: () => stepMs };
      const { timeline, attempts } = counting(world.timeline);
      await withAutopilot({ ...world, clock }, "propose", timeline, async (raise) => {
        await raise(findingOf("cluster.no-primary", "failover"));
        await until("it was looked at twice", async () => attempts() >= 2);
        assert.equal((await notesOf(world)).length, 1);
        stepMs = 10_000;
        // As for a dead one, which this is not: something answers at its address.
        await until("it is planned for", async () => (await notesOf(world)).length > 1);
      });
      const [first, second] = await notesOf(world);
      assert.match(first ?? "", /pg1 is starting up .* by itself/);
      assert.match(second ?? "", /pg1 cannot be seen dead/);
    } finally {
      await starting.close();
    }
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { observeNode } from "../../src/drivers/postgres/observe.ts";
import { addressOf } from "../../src/drivers/postgres/conninfo.ts";
import { isRefusal, type Plan } from "../../src/plan/plan.ts";
import { readPlan } from "../../src/plan/status.ts";
import { startSlowLink } from "../support/slow-link.ts";
import { interruptBefore } from "./interrupt.ts";
import { assertWhole, on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* A plan is carried out later than it was made, or is resumed after somebody else mended the same outage. */

describe("a plan whose world has changed", { concurrency: 2 }, () => {
  test("a failover that was planned yesterday does not end a primary that takes writes today", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const plan = await stored(world, "failover", "ledger");
      assert.equal((await world.act("restart", "ledger/pg1")).outcome, "done");
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state ?? "", /pg1 takes writes/);
      assert.equal(await assertWhole(world), "pg1");
    });
  });

  test("a failover that was planned before another one changes nothing after it", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const plan = await stored(world, "failover", "ledger");
      assert.equal((await world.act("failover", "ledger")).outcome, "done");
      const primary = await assertWhole(world);
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state ?? "", new RegExp(`${primary} takes writes`));
      assert.equal(await assertWhole(world), primary);
    });
  });

  for (const step of ["promote", "move-clients"])
    test(`a failover interrupted before ${step} promotes and moves nothing once another has been carried out`, async () => {
      await withWorld({}, async (world) => {
        await signal(world, "pg1", "SIGKILL");
        const plan = await stored(world, "failover", "ledger");
        await interruptBefore(world, plan, step);
        assert.equal((await readPlan(world.timeline, plan.id))?.state, "interrupted");
        const first = electedBy(await world.events(plan.id));
        const other = first === "pg2" ? "pg3" : "pg2";
        const kind = step === "promote" ? "failover" : "switchover";
        assert.notEqual((await world.act(kind, "ledger", { node: other })).outcome, "stopped");
        assert.equal(await onlyPrimary(world), other);
        const address = readFileSync(world.lab.addressFile, "utf8");
        const result = await world.executor.run(plan.id, "person:test");
        assert.equal(result.outcome, "stopped", "it went on");
        assert.equal(await onlyPrimary(world), other);
        assert.equal(readFileSync(world.lab.addressFile, "utf8"), address);
      });
    });

  test("a primary that is well again is not shot, though behind a slow network it takes its time to say so", async () => {
    await withWorld({}, async (world) => {
      const { host, port } = addressOf(world.lab.node("pg1").url);
      const link = await startSlowLink({ host, port }, 100);
      try {
        const slow = (text: string) => text.replaceAll(`:${port}/`, `:${link.port}/`);
        await withSystemFile(world, slow, async (far) => {
          await signal(world, "pg1", "SIGSTOP");
          const plan = await stored(far, "failover", "ledger");
          await signal(world, "pg1", "SIGCONT");
          const result = await far.executor.run(plan.id, "person:test", "person");
          assert.equal(result.outcome, "stopped", "a healthy primary was shot");
          assert.match(result.state, /pg1 (is back and )?takes writes/);
          assert.equal(await onlyPrimary(world), "pg1");
        });
      } finally {
        await link.close();
      }
    });
  });

  test("a failover interrupted before move-clients moves nothing and brings nobody back where another was promoted beside it", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const plan = await stored(world, "failover", "ledger", { node: "pg2" });
      await interruptBefore(world, plan, "move-clients");
      await on(world, "pg3", (connection) => connection.query("select pg_promote(true)"));
      const address = readFileSync(world.lab.addressFile, "utf8");
      const result = await world.executor.run(plan.id, "person:test");
      assert.equal(result.outcome, "stopped", "it went on");
      assert.match(result.state, /pg3 takes writes as well as pg2/);
      assert.equal(readFileSync(world.lab.addressFile, "utf8"), address);
    });
  });

  for (const [what, hide, seen] of [
    ["answers late", async () => undefined, /pg3 takes writes/],
    ["does not answer", (world: World) => signal(world, "pg3", "SIGSTOP"), /pg3: it did not answer in 3 s/],
  ] as const)
    test(`a failover does not promote beside a primary that ${what}, and fences nothing before`, async () => {
      await withWorld({}, async (world) => {
        const { host, port } = addressOf(world.lab.node("pg3").url);
        const link = await startSlowLink({ host, port }, 100);
        try {
          const slow = (text: string) => text.replaceAll(`:${port}/`, `:${link.port}/`);
          await withSystemFile(world, slow, async (far) => {
            await signal(world, "pg1", "SIGKILL");
            const plan = await stored(far, "failover", "ledger", { node: "pg2" });
            await on(world, "pg3", (connection) => connection.query("select pg_promote(true)"));
            await hide(world);
            const result = await far.executor.run(plan.id, "person:test", "person");
            await signal(world, "pg3", "SIGCONT");
            assert.equal(result.outcome, "stopped");
            assert.match(result.state ?? "", seen);
            assert.equal(await onlyPrimary(world), "pg3");
            const done = (await far.events(plan.id)).filter(({ kind }) => kind === "step.done");
            assert.deepEqual(done, []);
          });
        } finally {
          await link.close();
        }
      });
    });

  test("a demotion that was planned yesterday does not stop the only node that takes writes today", async () => {
    await withWorld({}, async (world) => {
      const { promoted, plan } = await twoPrimaries(world);
      await signal(world, promoted, "SIGKILL");
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state ?? "", new RegExp(`${promoted}.* takes no writes`));
      assert.equal(await onlyPrimary(world), "pg1");
    });
  });

  test("a promise that was to be given up yesterday is kept once the standby streams again", async () => {
    await withWorld({ standbys: ["synchronous"] }, async (world) => {
      await signal(world, "pg2", "SIGKILL");
      await until("the primary has noticed", async () => (await streaming(world, "pg1")).length === 0);
      const plan = await stored(world, "degrade-synchronous", "ledger");
      assert.equal((await world.act("restart", "ledger/pg2")).outcome, "done");
      await until("it streams again", async () => (await streaming(world, "pg1")).length === 1);
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state ?? "", /pg2 streams again/);
    });
  });

  test("a failover that is stopped after its fence leaves a cluster that can be brought back, without a loss", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const plan = await stored(world, "failover", "ledger");
      await signal(world, "pg2", "SIGKILL");
      const stopped = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(stopped.outcome, "stopped");
      assert.match(stopped.state ?? "", /pg2 no longer answers/);
      // The fenced server is started, by a person or its supervisor: as a standby.
      assert.equal((await world.act("restart", "ledger/pg1")).outcome, "done");
      const result = await world.act("failover", "ledger", { node: "pg3" });
      assert.notEqual(result.outcome, "stopped", result.state);
      const primary = await onlyPrimary(world);
      const held = electedBy(await world.events(result.planId));
      assert.equal(primary, held);
      const back = await world.act("rejoin", "ledger/pg2");
      assert.equal(back.outcome, "done", JSON.stringify(await failuresOf(world, back.planId)));
      assert.equal(await assertWhole(world), primary);
    });
  });

  test("a failover that is stopped after its fence, and everything goes down: the standbys are started, then one is promoted", async () => {
    await withWorld({ standbys: ["synchronous"] }, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const plan = await stored(world, "failover", "ledger");
      await signal(world, "pg2", "SIGKILL");
      const stopped = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(stopped.outcome, "stopped");
      const started = await world.act("restart", "ledger");
      assert.equal(started.outcome, "done", started.state);
      for (const node of ["pg1", "pg2"])
        assert.equal(await on(world, node, async (one) => (await observeNode(one)).role), "standby");
      const result = await world.act("failover", "ledger");
      assert.notEqual(result.outcome, "stopped", result.state);
      await assertWhole(world);
    });
  });

  test("where nobody was fenced, a silent node that was promoted since is not taken for fenced", async () => {
    await withWorld({ standbys: ["synchronous"] }, async (world) => {
      await signal(world, "pg1", "SIGKILL");
      const pg1 = await world.fleet.instance("ledger", "pg1");
      await pg1?.markStandby();
      await pg1?.start(60_000);
      // It shall not learn of the promotion by itself.
      await on(world, "pg2", (connection) => connection.query("alter system set primary_conninfo = ''"));
      await on(world, "pg2", (connection) => connection.query("select pg_reload_conf()"));
      const receiving = "select 1 from pg_stat_wal_receiver";
      await until("pg2 receives no more", () =>
        on(world, "pg2", async (one) => (await one.query(receiving)).length === 0),
      );
      const plan = await stored(world, "failover", "ledger", { node: "pg2" });
      await on(world, "pg1", (connection) => connection.query("select pg_promote(true)"));
      await signal(world, "pg1", "SIGSTOP");
      const result = await world.executor.run(plan.id, "person:test", "person");
      await signal(world, "pg1", "SIGCONT");
      assert.equal(await onlyPrimary(world), "pg1");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state, /pg1 is on timeline 2, which is not the line of pg2/);
    });
  });
});

async function failuresOf(world: World, planId: string) {
  return (await world.events(planId)).filter((one) => one.kind === "step.failed").map((one) => one.data);
}

async function stored(world: World, kind: string, subject: string, options?: { node: string }): Promise<Plan> {
  const plan = await world.plan(kind, subject, options);
  if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
  await world.executor.store(plan, "person:test");
  return plan;
}

async function twoPrimaries(world: World): Promise<{ promoted: string; plan: Plan }> {
  await on(world, "pg3", (connection) => connection.query("select pg_promote(true)"));
  return { promoted: "pg3", plan: await stored(world, "demote", "ledger", { node: "pg1" }) };
}

function electedBy(events: Awaited<ReturnType<World["events"]>>): string {
  const done = events.find((one) => one.kind === "step.done" && (one.data as { step: string }).step === "elect");
  assert.ok(done);
  return (done.data as { outcome: { node: string } }).outcome.node;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { listPlans } from "../../src/plan/status.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { listIncidents } from "../../src/timeline/incident-state.ts";
import { counting, findingOf, statesOf, withAutopilot } from "./autopilot-world.ts";
import { on, signal, streaming, until } from "./servers.ts";
import { asRole, withSystemFile, withWorld } from "./world.ts";

/* Incidents as the watch would open them; the autopilot answers with plans. */

test("a plan is proposed once and left to a person; under the policy it is carried out", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    await withAutopilot(world, "propose", world.timeline, async (raise) => {
      await raise(findingOf("cluster.no-primary", "failover"));
      await until("it is proposed", async () => (await statesOf(world)).includes("failover proposed"));
      await raise(findingOf("cluster.no-primary", "failover"));
    });
    assert.deepEqual(await statesOf(world), ["failover proposed"]);
  });
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    await withAutopilot(world, "auto", world.timeline, async (raise) => {
      await raise(findingOf("cluster.no-primary", "failover"));
      await until("it is done", async () => (await statesOf(world)).includes("failover done"));
    });
  });
});

test("a proposal is discarded when nothing asks for it any more, and is never carried out", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const finding = findingOf("cluster.no-primary", "failover");
    await withAutopilot(world, "propose", world.timeline, async (raise) => {
      await raise(finding);
      await until("it is proposed", async () => (await statesOf(world)).includes("failover proposed"));
      const [kept] = await listPlans(world.timeline);
      const responder = createResponder({ system: world.system, timeline: world.timeline });
      await responder.take({ at: new Date().toISOString(), raised: [], cleared: [finding] });
      await until("it is discarded", async () => (await statesOf(world)).includes("failover discarded"));
      await assert.rejects(world.executor.run(kept?.id ?? "", "person:test", "person"), { code: "NOT_POSSIBLE_NOW" });
      // The same again is another outage, and gets a plan of its own.
      await raise(finding);
      await until("another is proposed", async () => (await statesOf(world)).includes("failover proposed"));
    });
    // Nobody watches any more: the executor itself sees that it is for nothing.
    const responder = createResponder({ system: world.system, timeline: world.timeline });
    await responder.take({ at: new Date().toISOString(), raised: [], cleared: [finding] });
    const waiting = (await listPlans(world.timeline)).find(({ state }) => state === "proposed");
    await assert.rejects(world.executor.run(waiting?.id ?? "", "person:test", "person"), {
      code: "NOT_POSSIBLE_NOW",
      why: /no open finding of .* asks for it/,
    });
    assert.deepEqual(await statesOf(world), ["failover discarded", "failover discarded"]);
  });
});

test("while another plan works on the cluster nothing is proposed for it; afterwards what is still asked for", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const { timeline, attempts } = counting(world.timeline);
    const lease = await world.timeline.lease("cluster/ledger", 60_000);
    await withAutopilot(world, "propose", timeline, async (raise) => {
      await raise(findingOf("cluster.no-primary", "failover"));
      await until("it was looked at twice", async () => attempts() >= 2);
      assert.deepEqual(await statesOf(world), []);
      await lease?.release();
      await until("it is proposed", async () => (await statesOf(world)).includes("failover proposed"));
    });
  });
});

test("a plan that was begun under the policy is resumed as soon as nobody carries it out any more", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger");
    assert.ok(!isRefusal(plan));
    await world.executor.store(plan, "auto");
    // As of a process whose death cannot be seen from here, in another container say: its lease has to run out.
    const lease = await world.timeline.lease("cluster/ledger", 1_500);
    const begun = { token: lease?.token ?? 0, executor: "process 1 elsewhere" };
    await world.timeline.append(`plan/${plan.id}`, "any", [
      { kind: "plan.approved", by: "auto", data: { how: "policy" } },
      { kind: "plan.started", by: "executor", data: begun },
    ]);
    await withAutopilot(world, "auto", world.timeline, async () => {
      assert.deepEqual(await statesOf(world), ["failover running"]);
      await until("it is done", async () => (await statesOf(world)).includes("failover done"));
    });
  });
});

test("a plan that is resumed into another outage stops, and the incident gets a plan for this one", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const responder = createResponder({ system: world.system, timeline: world.timeline });
    const raised = [findingOf("cluster.no-primary", "failover")];
    await responder.take({ at: new Date().toISOString(), raised, cleared: [] });
    const incident = (await listIncidents(world.timeline))[0]?.id ?? "";
    const plan = await world.plan("failover", "ledger", { incident });
    assert.ok(!isRefusal(plan));
    await world.executor.store(plan, "auto");
    const lease = await world.timeline.lease("cluster/ledger", 500);
    const begun = { token: lease?.token ?? 0, executor: "process 1 elsewhere" };
    await world.timeline.append(`plan/${plan.id}`, "any", [
      { kind: "plan.approved", by: "auto", data: { how: "policy" } },
      { kind: "plan.started", by: "executor", data: begun },
    ]);
    const proposed = { plan: plan.id, planKind: "failover", title: "Fail over", causes: [] };
    const noted = { kind: "incident.plan-proposed", by: "auto", data: proposed };
    await world.timeline.append(`incident/${incident}`, "any", [noted]);
    await (await world.fleet.instance("ledger", "pg1"))?.start(60_000);
    await signal(world, "pg1", "SIGKILL");
    await withAutopilot(world, "auto", world.timeline, async () => {
      await until("another is done", async () => (await statesOf(world)).includes("failover done"));
    });
    assert.deepEqual(await statesOf(world), ["failover stopped", "failover done"]);
  });
});

test("a node that is down is brought back once under the policy; when that did not help, a person has the say", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg3", "SIGKILL");
    await withAutopilot(world, { restart: "auto", rejoin: "auto" }, world.timeline, async (raise) => {
      const finding = findingOf("standby.not-streaming", "rejoin", "ledger/pg3");
      await raise(finding);
      await until("it is done", async () => (await statesOf(world)).includes("rejoin done"));
      // Whatever keeps it from following: it is down again, for the same cause.
      await signal(world, "pg3", "SIGKILL");
      await raise({ ...finding, title: "again" });
      await until("a person is asked", async () => (await statesOf(world)).includes("rejoin proposed"));
      await until("it is told why", async () => {
        const notes = (await listIncidents(world.timeline))[0]?.notes ?? [];
        return notes.some(({ text }) => /waits for a person: it was tried once/.test(text));
      });
    });
    assert.deepEqual(await statesOf(world), ["rejoin done", "rejoin proposed"]);
  });
});

test("a server that serves is not stopped without a person, and restarts do not cover a rejoin", async () => {
  await withWorld({}, async (world) => {
    await on(world, "pg3", async (connection) => {
      await connection.query("alter system set primary_conninfo = 'host=127.0.0.1 port=1'");
      await connection.query("select pg_reload_conf()");
    });
    await until("it streams no more", async () => !(await streaming(world, "pg1")).includes("pg3"));
    const startedAt = () => on(world, "pg3", (one) => one.query("select pg_postmaster_start_time()::text as at"));
    const before = await startedAt();
    for (const policies of [{ restart: "auto" }, { restart: "auto", rejoin: "auto" }] as const)
      await withAutopilot(world, policies, world.timeline, async (raise) => {
        await raise(findingOf("standby.not-streaming", "rejoin", "ledger/pg3"));
        await until("it is proposed", async () => (await statesOf(world)).includes("rejoin proposed"));
      });
    assert.deepEqual(await statesOf(world), ["rejoin proposed"]);
    assert.deepEqual(await startedAt(), before);
  });
});

test("under the policy too, a role without the rights begins nothing; the incident says what is missing", async () => {
  await withWorld({}, async (world) => {
    await on(world, "pg1", (connection) => connection.query("create role watcher login in role pg_monitor"));
    const knows = (node: string) =>
      on(world, node, (connection) => connection.query("select from pg_roles where rolname = 'watcher'"));
    await until("the standbys know the role", async () => {
      const known = await Promise.all(["pg2", "pg3"].map(knows));
      return known.every((rows) => rows.length > 0);
    });
    await signal(world, "pg1", "SIGKILL");
    await withSystemFile(world, asRole("watcher"), async (watching) => {
      const notes = async () => {
        const events = await watching.timeline.read({ prefix: "incident/" });
        const noted = events.filter(({ kind }) => kind === "incident.noted");
        return noted.map(({ data }) => (data as { text: string }).text);
      };
      await withAutopilot(watching, "auto", watching.timeline, async (raise) => {
        await raise(findingOf("cluster.no-primary", "failover"));
        await until("the incident says it", async () => (await notes()).length > 0);
      });
      assert.match((await notes())[0] ?? "", /No failover of ledger is planned: .*watcher lacks/);
      assert.deepEqual(await statesOf(watching), []);
    });
  });
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { messageOf } from "../../src/base/error.ts";
import type { Fleet } from "../../src/drivers/fleet.ts";
import type { Finding } from "../../src/finding/finding.ts";
import { startAutopilot } from "../../src/mitigate/autopilot.ts";
import { discardPlan } from "../../src/plan/discard.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { type CheckResult, registryOf, type StepHandler } from "../../src/plan/handler.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { type System, systemSchema } from "../../src/system/schema.ts";
import { listIncidents } from "../../src/timeline/incident-state.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";
import { planOf, step } from "../plan/effects.ts";
import { notesOf, statesOf, withAutopilot } from "./autopilot-world.ts";
import { until } from "./servers.ts";

/* What the autopilot does about a service that is down: its plans need no cluster. */

const api = { kind: "service", name: "api" } as const;
const down = (): Finding => {
  const seenAt = new Date().toISOString();
  const remedy = { kind: "restart", subject: api };
  return {
    code: "service.down",
    severity: "critical",
    subject: api,
    title: "api is down",
    evidence: [],
    remedy,
    seenAt,
  };
};

type Bench = Readonly<{
  timeline: Timeline;
  system: System;
  fleet: Fleet;
  executor: ReturnType<typeof createExecutor>;
  /** A plan for the open incident that nobody carries out. */
  noted(by: string, how?: "person" | "policy"): Promise<Plan>;
}>;

async function withBench(check: () => CheckResult, use: (bench: Bench) => Promise<void>): Promise<void> {
  const handler: StepHandler = {
    kind: "service.restart",
    check: async () => check(),
    do: async () => ({}),
    verify: async () => undefined,
  };
  await withFolder(async (folder) => {
    const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
    const system = systemSchema.parse({
      system: "test",
      services: { api: { host: "local:", restart: "true" } },
    });
    const executor = createExecutor({ timeline, handlers: registryOf(handler) });
    try {
      await use({ timeline, system, executor, fleet: {} as Fleet, noted: (by, how) => noted(timeline, by, how) });
    } finally {
      await timeline.close();
    }
  });
}

async function noted(timeline: Timeline, by: string, how?: "person" | "policy"): Promise<Plan> {
  await createResponder({ system: systemSchema.parse({ system: "test" }), timeline }).take({
    at: new Date().toISOString(),
    raised: [down()],
    cleared: [],
  });
  const incident = (await listIncidents(timeline))[0]?.id ?? "";
  const one = step("restart", { kind: "service.restart" });
  const plan: Plan = { ...planOf("restart-api-1", [one, { ...one, id: "again" }], api), kind: "restart", incident };
  await timeline.append(`plan/${plan.id}`, 0, [
    { kind: "plan.stored", by, data: { plan } as never },
    ...(how === undefined
      ? []
      : [
          { kind: "plan.approved", by, data: { how } },
          { kind: "plan.started", by: "executor", data: { token: 1, executor: "process 1 elsewhere" } },
        ]),
  ]);
  const proposed = { plan: plan.id, planKind: "restart", title: "Restart", causes: ["service.down"] };
  await timeline.append(`incident/${incident}`, "any", [{ kind: "incident.plan-proposed", by, data: proposed }]);
  return plan;
}

test("a plan that was refused before it changed anything costs no try, and is told once", async () => {
  let refusals = 2;
  const check = (): CheckResult =>
    refusals-- > 0 ? { state: "refused", why: "pg3 cannot be asked.", next: "Wait." } : { state: "ready" };
  await withBench(check, async (bench) => {
    await withAutopilot(bench, { restart: "auto" }, bench.timeline, async (raise) => {
      await raise(down());
      await until("it is done", async () => (await statesOf(bench)).includes("restart done"));
    });
    assert.deepEqual(await statesOf(bench), ["restart stopped", "restart stopped", "restart done"]);
    const notes = await notesOf(bench);
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? "", /refused before anything was changed: .*pg3 cannot be asked/);
  });
});

for (const [what, how] of [
  ["was proposed", undefined],
  ["was interrupted", "person"],
] as const)
  test(`a person's plan that ${what} is named in the incident, and what is asked for is planned once it is put aside`, async () => {
    await withBench(
      () => ({ state: "ready" }),
      async (bench) => {
        const plan = await bench.noted("person:kat", how);
        await withAutopilot(bench, { restart: "auto" }, bench.timeline, async () => {
          await until("it is told", async () => (await notesOf(bench)).some((note) => note.includes(what)));
          await discardPlan(bench.timeline, plan.id, "person:kat", "my terminal died");
          await until("it is done", async () => (await statesOf(bench)).includes("restart done"));
        });
        assert.deepEqual(await statesOf(bench), ["restart discarded", "restart done"]);
        const [note, ...others] = await notesOf(bench);
        assert.deepEqual(others, []);
        assert.match(note ?? "", /Plan restart-api-1 of person:kat.*plan resume restart-api-1/);
      },
    );
  });

test("a plan that was begun under the policy is left to a person when today's policy would not begin it", async () => {
  await withBench(
    () => ({ state: "ready" }),
    async (bench) => {
      await bench.noted("auto", "policy");
      await withAutopilot(bench, { restart: "propose" }, bench.timeline, async () => {
        await until("it is told", async () => (await notesOf(bench)).length > 0);
      });
      assert.deepEqual(await statesOf(bench), ["restart interrupted"]);
      assert.match(
        (await notesOf(bench)).join("\n"),
        /^Plan restart-api-1 of auto.*interrupted half-way, and waits.*$/,
      );
      await withAutopilot(bench, { restart: "auto" }, bench.timeline, async () => {
        await until("it is resumed", async () => (await statesOf(bench)).includes("restart done"));
      });
    },
  );
});

/** The timeline, of which each of these calls fails once. */
function failingOnce(timeline: Timeline, calls: readonly string[]): Timeline {
  const left = new Set(calls);
  const fail = () => {
    throw new Error("the timeline cannot be read");
  };
  return new Proxy(timeline, {
    get(target, name) {
      if (typeof name === "string" && left.delete(name)) return fail;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

for (const call of ["position", "read", "subscribe", "leaseState"])
  test(`one failed \`${call}\` does not end the autopilot, and until it follows again it does not say that it does`, async () => {
    await withBench(
      () => ({ state: "ready" }),
      async (bench) => {
        const { timeline } = bench;
        const said: unknown[] = [];
        const autopilot = startAutopilot({
          ...bench,
          system: { ...bench.system, mitigation: { ...bench.system.mitigation, restart: "auto" } },
          timeline: failingOnce(timeline, [call]),
          onProblem: (problem) => said.push(messageOf(problem)),
          onFollowing: (follows) => said.push(follows),
        });
        try {
          await until("it has failed", async () => call === "leaseState" || said.includes(false));
          const responder = createResponder({ system: bench.system, timeline });
          await responder.take({ at: new Date().toISOString(), raised: [down()], cleared: [] });
          await until("it is done", async () => (await statesOf(bench)).includes("restart done"));
        } finally {
          await autopilot.close();
        }
        const followed = said.filter((one) => typeof one === "boolean");
        assert.equal(followed.at(-1), true);
        assert.equal(followed.includes(false), call !== "leaseState");
        assert.ok(said.includes("the timeline cannot be read"));
      },
    );
  });

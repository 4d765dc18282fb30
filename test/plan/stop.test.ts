import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { createExecutor, type Executor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import type { Plan, Step } from "../../src/plan/plan.ts";
import { type PlanStatus, readPlan } from "../../src/plan/status.ts";
import { requestStop } from "../../src/plan/stop.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../timeline/conformance.ts";
import { lineHandler, linesIn, planOf, step } from "./effects.ts";

type World = Readonly<{
  timeline: Timeline;
  executor: Executor;
  lines: () => string[];
  store(plan: Plan): Promise<void>;
  read(planId: string): Promise<PlanStatus>;
  /** Another process that carries the plan out and holds up there. */
  elsewhere(planId: string, holdAt: string): Promise<Readonly<{ said(): Promise<string>; kill(): Promise<void> }>>;
  /** In this process: a step `slow…` goes on until it is told to stop. */
  begun(planId: string, stepId: string): Promise<Readonly<{ run: ReturnType<Executor["run"]> }>>;
}>;

async function withWorld(use: (world: World) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const [store, file] = [join(folder, "timeline.db"), join(folder, "effects")];
    const timeline = await openSqliteTimeline(store);
    const lines = lineHandler(file, async () => {});
    const untilTold = {
      ...lines,
      kind: "test.slow",
      do: ({ signal }: { signal: AbortSignal }) =>
        new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    };
    const executor = createExecutor({ timeline, handlers: registryOf(lines, untilTold) });
    const ends: (() => Promise<void>)[] = [];
    const read = async (planId: string) => (await readPlan(timeline, planId)) as PlanStatus;
    try {
      await use({
        timeline,
        executor,
        lines: () => linesIn(file),
        store: (plan) => executor.store(plan, "test"),
        read,
        async elsewhere(planId, holdAt) {
          const arguments_ = [join(import.meta.dirname, "runner.ts"), store, file, planId, holdAt];
          const child = spawn(process.execPath, arguments_, { stdio: ["pipe", "pipe", "inherit"] });
          const exited = once(child, "exit");
          const kill = async () => {
            child.kill("SIGKILL");
            await exited;
          };
          ends.push(kill);
          const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
          assert.equal((await said.next()).value, "held");
          return { said: async () => (await said.next()).value as string, kill };
        },
        async begun(planId, stepId) {
          const run = executor.run(planId, "person:ada", "person");
          const intended = async () =>
            (await read(planId)).steps.find((one) => one.step.id === stepId)?.state === "intended" ? true : undefined;
          assert.ok(await pollUntil(intended, { everyMs: 5, timeoutMs: 60_000 }));
          return { run };
        },
      });
    } finally {
      for (const end of ends) await end();
      await timeline.close();
    }
  });
}

const slow = (id: string, more: Partial<Step> = {}): Step => step(id, { kind: "test.slow", ...more });
const optional = { onFailure: "continue" } as const;

test("a plan that another process carries out stops when it is asked to, and says in what state", () =>
  withWorld(async ({ timeline, store, read, elsewhere, lines }) => {
    await store(planOf("p", [step("fence"), step("promote"), step("follow")]));
    const other = await elsewhere("p", "promote:half");
    await requestStop(timeline, "p", "person:bob", "wrong cluster");
    assert.equal(await other.said(), "stopped");
    const plan = await read("p");
    assert.equal(plan.state, "stopped");
    assert.match(
      plan.stopped?.state ?? "",
      /did not answer \(do\).*not known.*Done: “Write the line of fence”\. It stopped in “Write the line of promote”\. Not begun: “Write the line of follow”/,
    );
    assert.deepEqual(plan.stopRequested, { by: "person:bob", reason: "wrong cluster" });
    assert.deepEqual(lines(), ["fence wrote fence"]);
    assert.equal((await timeline.leaseState("cluster/ledger"))?.held, false);
    assert.match((await fails("NOT_POSSIBLE_NOW", requestStop(timeline, "p", "person:bob", "again"))).why, /stopped/);
  }));

test("a step that listens ends at once, and the request does not disturb what the executor records", () =>
  withWorld(async ({ timeline, store, begun }) => {
    await store(planOf("p", [step("a"), slow("b", optional), step("c", optional)]));
    const { run } = await begun("p", "b");
    await requestStop(timeline, "p", "person:bob", "too much load");
    const result = await run;
    assert.equal(result.outcome, "stopped");
    assert.match(
      result.state,
      /person:bob asked for it: too much load\. Done: “Write the line of a”\. It stopped in “Write the line of b”\. Not begun: “Write the line of c”\./,
    );
    const kinds = (await timeline.read({ stream: "plan/p" })).map(({ kind }) => kind);
    assert.deepEqual(kinds.slice(-3), ["plan.stop-requested", "step.failed", "plan.stopped"]);
  }));

test("a plan that nobody carries out is ended at once", () =>
  withWorld(async ({ timeline, store, read, elsewhere, executor }) => {
    await store(planOf("proposed", [step("a")]));
    await requestStop(timeline, "proposed", "person:bob", "not needed");
    assert.deepEqual((await read("proposed")).discarded, { by: "person:bob", reason: "not needed" });

    await store(planOf("dead", [step("a"), step("b"), step("c")]));
    const other = await elsewhere("dead", "b:half");
    await other.kill();
    assert.equal((await read("dead")).state, "interrupted");
    await requestStop(timeline, "dead", "person:bob", "we go another way");
    const { state, stopped } = await read("dead");
    assert.equal(state, "stopped");
    assert.equal(stopped?.step, "b");
    assert.match(
      stopped?.state ?? "",
      /is gone.*begun.*not known. Done: “Write the line of a”.*Not begun: “Write the line of c”/,
    );
    assert.equal((await executor.run("dead", "person:ada")).outcome, "stopped");
    await fails("UNKNOWN_NAME", requestStop(timeline, "nobody", "person:bob", "x"));
  }));

test("what was asked of an executor that died before it could answer holds for the next", () =>
  withWorld(async ({ timeline, store, elsewhere, executor, lines }) => {
    await store(planOf("p", [step("a"), step("b")]));
    // Right after the intent of `a`: this process is blocked and sees nothing.
    const other = await elsewhere("p", "event:3");
    await requestStop(timeline, "p", "person:bob", "wrong cluster");
    await other.kill();
    const result = await executor.run("p", "auto");
    // It stopped before the step that was begun: nothing is known to have touched it, and it is named as not begun.
    assert.match(
      result.state,
      /person:bob asked for it: wrong cluster.*No step was done. Not begun: “Write the line of a”, “Write the line of b”/,
    );
    assert.deepEqual([result.outcome, lines()], ["stopped", []]);
  }));

test("the aftercare of one plan makes way for an urgent one, and for no other", () =>
  withWorld(async ({ timeline, store, begun, executor, read }) => {
    await store(planOf("first", [step("promote"), slow("rejoin", optional), step("verify", optional)]));
    const { run: first } = await begun("first", "rejoin");
    await store(planOf("rejoin", [step("rejoin", { yields: true })]));
    const held = await fails("LEASE_HELD", executor.run("rejoin", "person:ada", "person"));
    assert.match(held.next, /`blackstart plan stop first/);
    assert.equal((await read("first")).stopRequested, undefined);

    await store({ ...planOf("second", [step("elect")]), urgent: true });
    assert.equal((await executor.run("second", "person:ada", "person")).outcome, "done");
    const ended = await first;
    assert.equal(ended.outcome, "stopped");
    assert.match(
      ended.state,
      /second is urgent.*Done: “Write the line of promote”.*Not begun: “Write the line of verify”/,
    );
    const positions = await timeline.read();
    const at = (stream: string, kind: string) => positions.find((one) => one.stream === stream && one.kind === kind);
    const [stopped, started] = [at("plan/first", "plan.stopped"), at("plan/second", "plan.started")];
    assert.ok((stopped?.position ?? 0) < (started?.position ?? 0), "they worked at the same time");
  }));

test("a plan on which the service still depends makes way for nobody", () =>
  withWorld(async ({ timeline, store, begun, executor, read }) => {
    await store(planOf("first", [slow("follow", optional), step("write")]));
    const { run: first } = await begun("first", "follow");
    await store({ ...planOf("second", [step("elect")]), urgent: true });
    await fails("LEASE_HELD", executor.run("second", "person:ada", "person"));
    assert.equal((await read("first")).stopRequested, undefined);
    await requestStop(timeline, "first", "test", "over");
    await first;
  }));

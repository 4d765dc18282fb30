import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { finished } from "../../src/plan/carry-out.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { readPlan } from "../../src/plan/status.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";
import { holdPoints, lineHandler, linesIn, planOf, step } from "./effects.ts";

const runner = join(import.meta.dirname, "runner.ts");
const steps = [
  step("fence"),
  step("choose"),
  step("promote", { parameters: { text: { from: "choose", field: "line" } } }),
  step("announce"),
];
const effects = [
  "fence wrote fence",
  "choose wrote choose",
  "promote wrote choose wrote choose",
  "announce wrote announce",
];
const phases = steps.flatMap(({ id }) => holdPoints.map((point) => `${id}:${point}`));
// plan.approved, plan.started, and two events for each step, of which the last goes to disk together with the plan's end.
const boundaries = Array.from({ length: 1 + 2 * steps.length }, (_, index) => `event:${index + 1}`);

/** Answers once the process holds up at the point; `end` kills it. */
async function startRunner(folder: string, planId: string, holdAt: string, ttlMs = 10_000) {
  const files = [join(folder, "timeline.db"), join(folder, planId)];
  const child = spawn(process.execPath, [runner, ...files, planId, holdAt, String(ttlMs)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, "exit");
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  };
  const [line] = await Promise.race([once(lines, "line"), exited.then(() => ["ended"])]);
  if (line !== "held") {
    await end();
    assert.fail(`the process did not come to ${holdAt}: ${line}`);
  }
  return { child, lines, end };
}

function executorFor(timeline: Timeline, file: string) {
  return createExecutor({ timeline, handlers: registryOf(lineHandler(file, async () => {})) });
}

test("killed at every step boundary and inside every step, a plan ends done, each effect once", async () => {
  await withFolder(async (folder) => {
    const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
    try {
      for (const [index, holdAt] of [...boundaries, ...phases].entries()) {
        const planId = `plan-${index}`;
        const file = join(folder, planId);
        const executor = executorFor(timeline, file);
        await executor.store(planOf(planId, steps), "test");
        const { end } = await startRunner(folder, planId, holdAt);
        const state = (await readPlan(timeline, planId))?.state;
        await end();
        assert.equal(state, "running", holdAt);
        assert.equal((await readPlan(timeline, planId))?.state, "interrupted", holdAt);
        // Approved before: resuming needs no second approval.
        assert.deepEqual(await executor.run(planId, "person:bob"), { planId, ...finished("done") }, holdAt);
        assert.deepEqual(linesIn(file), effects, holdAt);
        const status = await readPlan(timeline, planId);
        assert.deepEqual(
          status?.steps.map(({ state }) => state),
          ["done", "done", "done", "done"],
          holdAt,
        );
        const kinds = (await timeline.read({ stream: `plan/${planId}` })).map(({ kind }) => kind);
        assert.equal(kinds.filter((kind) => kind === "plan.resumed").length, 1, holdAt);
        assert.equal(kinds.filter((kind) => kind === "step.intended").length, steps.length, holdAt);
        assert.equal(kinds.at(-1), "plan.finished", holdAt);
      }
    } finally {
      await timeline.close();
    }
  });
});

test("an executor that was stopped for longer than its lease changes nothing more", async () => {
  await withFolder(async (folder) => {
    const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
    const executor = executorFor(timeline, join(folder, "slow"));
    await executor.store(planOf("slow", steps), "test");
    const { child, lines, end } = await startRunner(folder, "slow", "promote:half", 2000);
    try {
      child.kill("SIGSTOP");
      const refused = await executor.run("slow", "person:bob").catch((error) => error);
      if (refused instanceof Error) assert.equal((refused as { code?: string }).code, "LEASE_HELD");
      const resumed = await pollUntil(() => executor.run("slow", "person:bob").catch(() => undefined), {
        everyMs: 20,
        timeoutMs: 30_000,
      });
      assert.deepEqual(resumed, { planId: "slow", ...finished("done") });
      const before = await timeline.read({ stream: "plan/slow" });
      const said = once(lines, "line");
      child.kill("SIGCONT");
      child.stdin.write("go on\n");
      // What the other one has recorded.
      assert.deepEqual(await said, ["done"]);
      assert.deepEqual(linesIn(join(folder, "slow")), effects);
      assert.deepEqual(await timeline.read({ stream: "plan/slow" }), before);
    } finally {
      await end();
      await timeline.close();
    }
  });
});

test("while one process carries out a plan, another is told who does", async () => {
  await withFolder(async (folder) => {
    const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
    const executor = executorFor(timeline, join(folder, "other"));
    await executor.store(planOf("first", steps), "test");
    await executor.store(planOf("other", steps, { kind: "node", name: "ledger/pg1" }), "test");
    const { child, end } = await startRunner(folder, "first", "choose:half");
    try {
      for (const planId of ["first", "other"]) {
        const error = await executor.run(planId, "person:bob", "person").catch((thrown) => thrown);
        assert.equal(error.code, "LEASE_HELD");
        assert.match(error.why, new RegExp(`first is held by process ${child.pid} on`));
      }
      assert.deepEqual(linesIn(join(folder, "other")), []);
    } finally {
      await end();
      await timeline.close();
    }
  });
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { createExecutor, type ExecutorOptions } from "../../src/plan/executor.ts";
import { fenceStep } from "../../src/mitigate/step-list.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import type { Step } from "../../src/plan/plan.ts";
import { listPlans, readPlan } from "../../src/plan/status.ts";
import { previewUndo, undoPlan } from "../../src/plan/undo.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../timeline/conformance.ts";
import { lineHandler, linesIn, planOf, step } from "./effects.ts";

const undoable = (id: string, more: Partial<Step> = {}) => step(id, { undoable: true, ...more });
const runner = join(import.meta.dirname, "runner.ts");

type World = Readonly<{
  timeline: Timeline;
  folder: string;
  file: string;
  options: ExecutorOptions;
  execute(planId: string, steps: readonly Step[]): Promise<string>;
  kinds(planId: string): Promise<string[]>;
}>;

async function withWorld(behaviour: Partial<StepHandler>, use: (world: World) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
    const file = join(folder, "p");
    const handlers = registryOf({ ...lineHandler(file, async () => {}), ...behaviour });
    const options = { timeline, handlers };
    try {
      await use({
        timeline,
        folder,
        file,
        options,
        execute: async (planId, steps) => {
          const executor = createExecutor(options);
          await executor.store(planOf(planId, steps), "test");
          return (await executor.run(planId, "person:ada", "person")).outcome;
        },
        kinds: async (planId) => (await timeline.read({ stream: `plan/${planId}` })).map(({ kind }) => kind),
      });
    } finally {
      await timeline.close();
    }
  });
}

test("what was done is taken back, the last first; what cannot be stays and is named; twice answers the same", async () => {
  await withWorld({}, async ({ timeline, file, options, execute }) => {
    const steps = [step("look"), undoable("a"), undoable("b"), step("gone", { destructive: true })];
    assert.equal(await execute("p", steps), "done");
    const { undo, stays } = previewUndo((await readPlan(timeline, "p")) as never, options.handlers);
    assert.deepEqual(
      undo.map(({ step: { id } }) => id),
      ["b", "a"],
    );
    assert.deepEqual(
      stays.map(({ step: { id }, why }) => [id, why]),
      [
        ["gone", "cannot be undone"],
        ["look", "there is no way to take it back"],
      ],
    );
    // The handler of this test takes back only the last line.
    await fails("NOT_CONFIRMED", undoPlan(options, "p", "person:ada"));
    const stopped = await undoPlan(options, "p", "person:ada", "person");
    assert.equal(stopped.outcome, "stopped");
    assert.match(
      stopped.state,
      /last line is gone wrote gone.*No step was undone. Stays: “Write the line of look”, “Write the line of a”, “Write the line of b”, “Write the line of gone”/,
    );
    assert.equal((await readPlan(timeline, "p"))?.undo?.state, "stopped");
    assert.equal((await readPlan(timeline, "p"))?.state, "done");
    assert.equal(linesIn(file).length, 4);
  });
  await withWorld({}, async ({ timeline, file, options, execute, kinds }) => {
    assert.equal(await execute("p", [step("look"), undoable("a"), undoable("b")]), "done");
    const undone = await undoPlan(options, "p", "person:bob", "flag");
    assert.deepEqual(undone, {
      planId: "p",
      outcome: "undone",
      undone: ["b", "a"],
      state: "Undone: “Write the line of b”, “Write the line of a”. Stays: “Write the line of look”.",
    });
    assert.deepEqual(linesIn(file), ["look wrote look"]);
    const before = await kinds("p");
    assert.deepEqual(before.slice(-6), [
      "plan.undo-started",
      "step.undo-intended",
      "step.undone",
      "step.undo-intended",
      "step.undone",
      "plan.undone",
    ]);
    assert.deepEqual(await undoPlan(options, "p", "person:ada"), undone);
    assert.deepEqual(await kinds("p"), before);
    const status = await readPlan(timeline, "p");
    assert.equal(status?.undo?.by, "person:bob");
    assert.equal(status?.undo?.how, "flag");
    // The plan's own answer stays what it was.
    assert.equal((await createExecutor(options).run("p", "person:ada", "person")).outcome, "done");
  });
});

test("only what has ended is undone, and only where something can be", async () => {
  await withWorld({}, async ({ options, execute, kinds, timeline }) => {
    await createExecutor(options).store(planOf("proposed", [undoable("a")]), "test");
    await fails("NOT_POSSIBLE_NOW", undoPlan(options, "proposed", "person:ada", "person"));
    assert.equal(await execute("final", [step("a", { destructive: true })]), "done");
    await fails("REFUSED", undoPlan(options, "final", "person:ada", "person"));
    assert.equal((await kinds("final")).at(-1), "plan.finished");
    await fails("UNKNOWN_NAME", undoPlan(options, "finaal", "person:ada", "person"));

    assert.equal(await execute("held", [undoable("b")]), "done");
    const lease = await timeline.lease("cluster/ledger", 10_000);
    await fails("LEASE_HELD", undoPlan(options, "held", "person:ada", "person"));
    await lease?.release();
    assert.equal((await undoPlan(options, "held", "person:ada", "person")).outcome, "undone");

    // A program that does not know the step's undoing says so instead of leaving it out silently.
    assert.equal(await execute("other", [undoable("c")]), "done");
    const error = await undoPlan({ ...options, handlers: new Map() }, "other", "person:ada", "person").catch((e) => e);
    assert.match(error.why, /· Write the line of c \[this Blackstart does not know how\]/);
  });
});

test("a step that failed is undone where it has had its effect all the same", async () => {
  const verify: StepHandler["verify"] = async () => {
    throw new Error("something else is wrong");
  };
  await withWorld({ verify }, async ({ file, options, execute }) => {
    assert.equal(await execute("p", [undoable("a"), undoable("never")]), "stopped");
    assert.deepEqual(linesIn(file), ["a wrote a"]);
    const result = await undoPlan(options, "p", "person:ada", "person");
    assert.deepEqual([result.outcome, result.undone], ["undone", ["a"]]);
    assert.deepEqual(linesIn(file), []);
  });
  const nothing: StepHandler["do"] = async () => {
    throw new Error("it did not work");
  };
  await withWorld({ do: nothing }, async ({ timeline, options, execute }) => {
    assert.equal(await execute("p", [undoable("a")]), "stopped");
    const result = await undoPlan(options, "p", "person:ada", "person");
    assert.deepEqual(
      [result.outcome, result.undone, result.state],
      ["undone", [], "No step was undone. Stays: “Write the line of a”."],
    );
    assert.equal((await readPlan(timeline, "p"))?.undo?.steps[0]?.state, "nothing");
  });
});

test("an undoing that stopped is begun anew with what is left", async () => {
  let isInTheWay = true;
  await withWorld({}, async ({ file, options, execute, timeline, kinds }) => {
    const line = options.handlers.get("test.line") as StepHandler;
    const handler: StepHandler = {
      ...line,
      undo: async (context, outcome) => {
        if (context.stepId === "a" && isInTheWay) throw new Error("a row was changed");
        return (await line.undo?.(context, outcome)) as never;
      },
    };
    const obstructed = { ...options, handlers: registryOf(handler) };
    await execute("p", [undoable("a"), undoable("b")]);
    const stopped = await undoPlan(obstructed, "p", "person:ada", "person");
    assert.deepEqual([stopped.outcome, stopped.undone], ["stopped", ["b"]]);
    assert.match(stopped.state, /a row was changed.*Undone: “Write the line of b”. Stays: “Write the line of a”/);
    await fails("NOT_CONFIRMED", undoPlan(obstructed, "p", "person:ada"));
    isInTheWay = false;
    const undone = await undoPlan(obstructed, "p", "person:ada", "person");
    assert.deepEqual([undone.outcome, undone.undone], ["undone", ["b", "a"]]);
    assert.deepEqual(linesIn(file), []);
    assert.equal((await kinds("p")).filter((kind) => kind === "step.undone").length, 2);
    assert.equal((await listPlans(timeline))[0]?.undo?.state, "undone");
  });
});

test("killed at every boundary and inside every step, an undoing that is started again comes to its end, once", async () => {
  await withFolder(async (folder) => {
    const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
    const steps = [undoable("a"), undoable("b"), undoable("c")];
    // Two for the beginning, then two events a step, of which the last goes to disk with the end.
    const boundaries = Array.from({ length: 2 * steps.length }, (_, index) => `event:${index + 1}`);
    const phases = steps.flatMap(({ id }) => [`${id}:undo`, `${id}:undone`]);
    try {
      for (const [index, holdAt] of [...boundaries, ...phases].entries()) {
        const planId = `plan-${index}`;
        const file = join(folder, planId);
        const options = { timeline, handlers: registryOf(lineHandler(file, async () => {})) };
        const executor = createExecutor(options);
        await executor.store(planOf(planId, steps), "test");
        assert.equal((await executor.run(planId, "person:ada", "person")).outcome, "done");
        await killedAt([join(folder, "timeline.db"), file, planId, holdAt, "10000", "undo"], async () => {
          assert.equal((await readPlan(timeline, planId))?.undo?.state, "running", holdAt);
        });
        assert.equal((await readPlan(timeline, planId))?.undo?.state, "interrupted", holdAt);
        // Confirmed before: going on needs no second confirmation.
        const undone = await undoPlan(options, planId, "person:bob");
        assert.deepEqual([undone.outcome, undone.undone], ["undone", ["c", "b", "a"]], holdAt);
        assert.deepEqual(linesIn(file), [], holdAt);
        const kinds = (await timeline.read({ stream: `plan/${planId}` })).map(({ kind }) => kind);
        const count = (wanted: string) => kinds.filter((kind) => kind === wanted).length;
        assert.deepEqual(
          ["plan.undo-started", "plan.undo-resumed", "step.undo-intended", "step.undone", "plan.undone"].map(count),
          [1, 1, steps.length, steps.length, 1],
          holdAt,
        );
      }
    } finally {
      await timeline.close();
    }
  });
});

/** Runs the process until it holds up, lets the caller look, and kills it. */
async function killedAt(args: readonly string[], look: () => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [runner, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  try {
    const lines = createInterface({ input: child.stdout });
    const [line] = await Promise.race([once(lines, "line"), exited.then(() => ["ended"])]);
    assert.equal(line, "held", args[3]);
    await look();
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
}

test("the preview names only what has changed something, and of a fence the command that takes it back", async () => {
  await withWorld({}, async ({ timeline, file, options }) => {
    appendFileSync(file, "was wrote was\n");
    const fence = fenceStep("ledger", "alpha", {});
    const steps = [
      step("was"),
      step("look", { kind: "test.look" }),
      { ...step("fence"), takenBackBy: fence.takenBackBy },
    ];
    const looks = { ...(options.handlers.get("test.line") as StepHandler), kind: "test.look", looks: true } as const;
    const all = { ...options, handlers: new Map([...options.handlers, ["test.look", looks]]) };
    const executor = createExecutor(all);
    await executor.store(planOf("p", steps as Step[]), "test");
    assert.equal((await executor.run("p", "person:ada", "person")).outcome, "done");
    const status = (await readPlan(timeline, "p")) as never;
    assert.deepEqual(
      previewUndo(status, all.handlers).stays.map(({ step: { id } }) => id),
      ["fence"],
    );
    const { why } = await fails("REFUSED", undoPlan(all, "p", "person:ada", "person"));
    assert.match(
      why,
      /^What it has changed stays:\n· Write the line of fence \[.*`blackstart mitigate unfence ledger\/alpha`\]$/,
    );
  });
});

import { createExecutor, type ExecutorOptions } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { undoPlan } from "../../src/plan/undo.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { lineHandler } from "./effects.ts";

/**
 * A process that carries out a plan, or undoes one, and holds up at one point, for the parent to kill or stop it there:
 * `step:point` inside a handler, or `event:N` right after the N-th event was stored. Prints `held` there, and the
 * plan's outcome or the error's code at the end.
 */
const [timelineFile = "", effectsFile = "", planId = "", holdAt = "", ttlMs = "10000", verb = "run"] =
  process.argv.slice(2);
const timeline = await openSqliteTimeline(timelineFile);
let stored = 0;

const forEver = new Int32Array(new SharedArrayBuffer(4));
const options: ExecutorOptions = {
  timeline,
  leaseTtlMs: Number(ttlMs),
  handlers: registryOf(
    lineHandler(effectsFile, async (step, point) => {
      if (holdAt !== `${step}:${point}`) return;
      process.stdout.write("held\n");
      // Goes on after a second line on standard input, if ever.
      await new Promise((resolve) => process.stdin.once("data", resolve));
    }),
  ),
  onEvent: () => {
    stored += 1;
    if (holdAt !== `event:${stored}`) return;
    process.stdout.write("held\n");
    Atomics.wait(forEver, 0, 0);
  },
};
try {
  const ended =
    verb === "undo"
      ? await undoPlan(options, planId, "person:ada", "person")
      : await createExecutor(options).run(planId, "person:ada", "person");
  process.stdout.write(`${ended.outcome}\n`);
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}\n`);
}
process.exit(0);

import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf, type StepHandler } from "../../src/plan/handler.ts";
import { createFleet } from "../../src/drivers/fleet.ts";
import { rememberedOf } from "../../src/mitigate/memory.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { readPlan } from "../../src/plan/status.ts";
import { loadSystem } from "../../src/system/load.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";

/*
 * Run as a process of its own: carries out a stored plan and kills itself at one point of one step. If that point does
 * not come, because the step is done already, it does so at the beginning of the next step.
 */

/** `done`: it is done, and not yet verified or stored. A number: so many milliseconds into it. */
export type CrashPoint = Readonly<{ step: string; when: "done" | number }>;

if (import.meta.main) {
  const [systemFile = "", timelineFile = "", planId = "", step = "", when = ""] = process.argv.slice(2);
  const system = await loadSystem(systemFile);
  const timeline = await openSqliteTimeline(timelineFile);
  const fleet = createFleet(system, async (cluster, node) => (await rememberedOf(timeline, cluster)).get(node));
  const order = (await readPlan(timeline, planId))?.plan.steps.map((one) => one.id) ?? [];
  const later = new Set(order.slice(order.indexOf(step) + 1));
  const handlers = mitigationHandlers({ system, fleet, timeline }).map((one) => crashing(one, step, when, later));
  const result = await createExecutor({ timeline, handlers: registryOf(...handlers) }).run(
    planId,
    "person:test",
    "person",
  );
  await fleet.close();
  await timeline.close();
  process.exit(result.outcome === "stopped" ? 1 : 0);
}

function crashing(handler: StepHandler, step: string, when: string, later: ReadonlySet<string>): StepHandler {
  const crash = () => process.kill(process.pid, "SIGKILL");
  return {
    ...handler,
    async check(context) {
      if (later.has(context.stepId)) crash();
      return handler.check(context);
    },
    async do(context) {
      if (context.stepId !== step) return handler.do(context);
      if (/^\d+$/.test(when)) setTimeout(crash, Number(when));
      const outcome = await handler.do(context);
      crash();
      return outcome;
    },
  };
}

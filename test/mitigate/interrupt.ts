import assert from "node:assert/strict";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import type { Plan } from "../../src/plan/plan.ts";
import type { World } from "./world.ts";

/** Carried out up to here by an executor whose store fails as a dead one's would: nothing of this step is recorded. */
export async function interruptBefore(world: World, plan: Plan, step: string): Promise<void> {
  const died = new Error("the executor died");
  const timeline = {
    ...world.timeline,
    append: ((stream, version, events, under) => {
      const intends = events.some(
        (one) => one.kind === "step.intended" && (one.data as { step: string }).step === step,
      );
      if (!intends) return world.timeline.append(stream, version, events, under);
      const before = events.filter((one) => one.kind === "step.done");
      return world.timeline.append(stream, version, before, under).then(() => Promise.reject(died));
    }) as World["timeline"]["append"],
    read: world.timeline.read.bind(world.timeline),
    lease: world.timeline.lease.bind(world.timeline),
    leaseState: world.timeline.leaseState.bind(world.timeline),
  };
  const handlers = registryOf(...mitigationHandlers({ system: world.system, fleet: world.fleet, timeline }));
  await assert.rejects(createExecutor({ timeline, handlers }).run(plan.id, "person:test", "person"), died);
}

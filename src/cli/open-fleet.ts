import { createFleet, type Fleet } from "../drivers/fleet.ts";
import { rememberedOf } from "../mitigate/memory.ts";
import type { System } from "../system/schema.ts";
import type { Timeline } from "../timeline/timeline.ts";

/** The servers and machines of the system; what a dead one no longer says is taken from when it was last seen. */
export function openFleet(system: System, timeline: Timeline): Fleet {
  return createFleet(system, async (cluster, node) => (await rememberedOf(timeline, cluster)).get(node));
}

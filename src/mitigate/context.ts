import type { Clock } from "../base/time.ts";
import type { Fleet } from "../drivers/fleet.ts";
import type { System } from "../system/schema.ts";
import type { Timeline } from "../timeline/timeline.ts";

/** What everything in this room works on. */
export type MitigationContext = Readonly<{ system: System; fleet: Fleet; timeline: Timeline; clock?: Clock }>;

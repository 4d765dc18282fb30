import type { PlanEvent } from "../plan/events.ts";
import type { Event, Timeline } from "../timeline/timeline.ts";

/** The incident that a stored plan belongs to, if any. */
export async function incidentOfPlan(timeline: Timeline, plan: string): Promise<string | undefined> {
  const events = (await timeline.read({ stream: `plan/${plan}`, limit: 10 })) as readonly (Event & PlanEvent)[];
  const stored = events.find((event) => event.kind === "plan.stored");
  return stored?.kind === "plan.stored" ? stored.data.plan.incident : undefined;
}

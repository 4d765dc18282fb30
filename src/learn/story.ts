import type { PlanEvent } from "../plan/events.ts";
import { type PlanStatus, planStatus } from "../plan/status.ts";
import { type IncidentState, incidentState } from "../timeline/incident-fold.ts";
import { findIncidentId, incidentStream } from "../timeline/incident-state.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Event, Timeline } from "../timeline/timeline.ts";

/** Everything that a postmortem is written from. Nothing else may come into it: no clock, no look at the world. */
export type Story = Readonly<{
  incident: IncidentState;
  /** Of the incident and of its plans, in the order in which they happened. */
  events: readonly Event[];
  plans: readonly PlanStatus[];
}>;

/** @param idOrPrefix see `findIncident` */
export async function readStory(timeline: Timeline, idOrPrefix: string): Promise<Story> {
  const own = await readAll(timeline, { stream: incidentStream(await findIncidentId(timeline, idOrPrefix)) });
  const incident = incidentState(own);
  const named = new Set(incident.plans.map(({ plan }) => plan));
  const streams = Map.groupBy(await readAll(timeline, { prefix: "plan/" }), (event) => event.stream);
  const planEvents = [...streams.values()].filter((events) => belongs(events, incident.id, named));
  return {
    incident,
    events: [...own, ...planEvents.flat()].toSorted((one, other) => one.position - other.position),
    // Whether one still runs only its lease could tell; for the story it is enough that no end is recorded.
    plans: planEvents.map((events) => planStatus(events, undefined)).filter((status) => status !== undefined),
  };
}

/** False where all that was ever found were warnings: the service went on, as far as the timeline shows. */
export function stoppedService({ severity, open, past }: IncidentState): boolean {
  const found = [...open, ...past.map(({ finding }) => finding)];
  return severity === "critical" || found.length === 0 || found.some((finding) => finding.severity === "critical");
}

function belongs(events: readonly Event[], incident: string, named: ReadonlySet<string>): boolean {
  const stored = events[0] as unknown as PlanEvent | undefined;
  return stored?.kind === "plan.stored" && (stored.data.plan.incident === incident || named.has(stored.data.plan.id));
}

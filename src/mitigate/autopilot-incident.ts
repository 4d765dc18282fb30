import { incidentState, incidentStream } from "../timeline/incident-state.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { readAll } from "../timeline/read-all.ts";
import type { NewEvent, Timeline } from "../timeline/timeline.ts";

/* What the autopilot reads of an incident, and tells it. */

export const actor = "auto";

type Store = Readonly<{ timeline: Timeline }>;

export async function stateOf({ timeline }: Store, incident: string) {
  return incidentState(await readAll(timeline, { stream: incidentStream(incident) }));
}

export async function say({ timeline }: Store, incident: string, event: IncidentEvent): Promise<void> {
  await timeline.append(incidentStream(incident), "any", [{ ...event, by: actor } as unknown as NewEvent]);
}

/** A note, unless the incident has the same already. */
export async function tellOnce(store: Store, incident: string, text: string): Promise<void> {
  const { notes } = await stateOf(store, incident);
  if (notes.some((note) => note.text === text)) return;
  await say(store, incident, { kind: "incident.noted", data: { text } });
}

import { BlackstartError } from "../../base/error.ts";
import type { Json } from "../../base/json.ts";
import type { IncidentEvent } from "../../timeline/incident.ts";
import { type IncidentState, incidentState } from "../../timeline/incident-fold.ts";
import { findIncidentId, incidentStream } from "../../timeline/incident-state.ts";
import { readAll } from "../../timeline/read-all.ts";
import type { Actor, Timeline } from "../../timeline/timeline.ts";

/** Who does something to an incident, and where it is written. `by`: `person:<name>`. */
export type ActionContext = Readonly<{ timeline: Timeline; by: Actor }>;

/** How often somebody else may be faster before we give up. */
const attemptsMax = 10;

/**
 * Reads the incident, decides, appends; when somebody else was faster, reads and decides anew. Answers with the incident
 * as it is afterwards. No events: it is as wanted already, and nothing is written.
 * @param idOrPrefix see `findIncident`
 */
export async function changeIncident(
  { timeline, by }: ActionContext,
  idOrPrefix: string,
  decide: (state: IncidentState) => readonly IncidentEvent[],
): Promise<IncidentState> {
  const stream = incidentStream(await findIncidentId(timeline, idOrPrefix));
  let conflict: unknown;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const before = await readAll(timeline, { stream });
    const state = incidentState(before);
    const events = decide(state);
    if (events.length === 0) return state;
    try {
      const added = await timeline.append(
        stream,
        state.version,
        events.map((event) => newEvent(event, by)),
      );
      return incidentState([...before, ...added]);
    } catch (error) {
      if (!isConflict(error)) throw error;
      conflict = error;
    }
  }
  throw conflict;
}

export function newEvent(event: IncidentEvent, by: Actor) {
  return { kind: event.kind, by, data: event.data as unknown as Json };
}

export function isConflict(error: unknown): boolean {
  return error instanceof BlackstartError && error.code === "VERSION_CONFLICT";
}

/** The name in `person:ada`. */
export function nameOf(by: Actor): string {
  return by.startsWith("person:") ? by.slice("person:".length) : by;
}

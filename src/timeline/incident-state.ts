import { BlackstartError } from "../base/error.ts";
import { unknown } from "../system/names.ts";
import { type IncidentState, incidentState } from "./incident-fold.ts";
import { readAll } from "./read-all.ts";
import type { Event, Timeline } from "./timeline.ts";

export {
  type Hypothesis,
  type HypothesisEvidence,
  type Impact,
  type IncidentPlan,
  type IncidentState,
  type IncidentTimes,
  incidentState,
  type Note,
  type Outage,
  type PastFinding,
  type RecoveryResult,
} from "./incident-fold.ts";

export const incidentPrefix = "incident/";

export function incidentStream(id: string): string {
  return `${incidentPrefix}${id}`;
}

/** Every incident there was, the newest first. */
export async function listIncidents(timeline: Timeline): Promise<readonly IncidentState[]> {
  return statesOf(await readAll(timeline, { prefix: incidentPrefix })).reverse();
}

/** Folds the events of several incidents, in the order in which they were opened. */
export function statesOf(events: readonly Event[]): IncidentState[] {
  const streams = Map.groupBy(events, (event) => event.stream);
  // A stream that begins otherwise was begun by nobody who opens incidents: it is none.
  return [...streams.values()].filter((stream) => stream[0]?.kind === "incident.opened").map(incidentState);
}

/**
 * The one incident that is meant: by its id, by the beginning of its id where that is unmistakable, or `latest`.
 * Throws UNKNOWN_NAME otherwise, with the nearest that exists.
 */
export async function findIncident(timeline: Timeline, idOrPrefix: string): Promise<IncidentState> {
  const id = await findIncidentId(timeline, idOrPrefix);
  return incidentState(await readAll(timeline, { stream: incidentStream(id) }));
}

export async function findIncidentId(timeline: Timeline, idOrPrefix: string): Promise<string> {
  const streams = await timeline.streams(incidentPrefix);
  const ids = streams.map((stream) => stream.slice(incidentPrefix.length));
  const latest = ids.at(-1);
  if (idOrPrefix === "latest" && latest !== undefined) return latest;
  if (ids.includes(idOrPrefix)) return idOrPrefix;
  const candidates = idOrPrefix === "" ? [] : ids.filter((id) => id.startsWith(idOrPrefix));
  if (candidates.length === 1 && candidates[0] !== undefined) return candidates[0];
  if (candidates.length > 1) throw ambiguous(idOrPrefix, candidates);
  const open = 'Open one: blackstart incident open "what is wrong". `blackstart up` opens them by itself.';
  throw unknown("incident", idOrPrefix, ids.toReversed(), open);
}

function ambiguous(asked: string, candidates: readonly string[]): BlackstartError {
  const shown = candidates.slice(-5);
  return new BlackstartError("UNKNOWN_NAME", {
    what: `“${asked}” is the beginning of ${candidates.length} incidents.`,
    why: `It could be ${shown.join(", ")}${candidates.length > shown.length ? ", or an older one" : ""}.`,
    next: "Give more of the id.",
    details: { name: asked, candidates: shown },
  });
}

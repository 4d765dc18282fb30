import type { Json, JsonObject } from "../base/json.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import type { Actor, Event, Timeline } from "../timeline/timeline.ts";

/**
 * Writes a result of recovery into the story of its incident; without an incident nothing is written. A result with
 * the same `figures.plan` is written once, however often a step is taken up again.
 */
export async function recordRecovery(
  timeline: Timeline,
  incident: string | undefined,
  act: "invariants" | "in-flight" | "cache",
  summary: string,
  figures: JsonObject,
  by: Actor = "recover",
): Promise<void> {
  if (incident === undefined) return;
  const stream = `incident/${incident}`;
  if (figures.plan !== undefined && (await isRecorded(timeline, stream, figures.plan))) return;
  const event: IncidentEvent = { kind: "incident.recovery-recorded", data: { act, summary, figures } };
  await timeline.append(stream, "any", [{ ...event, by }]);
}

async function isRecorded(timeline: Timeline, stream: string, plan: Json): Promise<boolean> {
  const events = (await timeline.read({ stream })) as readonly (Event & IncidentEvent)[];
  return events.some((event) => event.kind === "incident.recovery-recorded" && event.data.figures.plan === plan);
}

import type { JsonObject } from "../base/json.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import type { Actor, Timeline } from "../timeline/timeline.ts";

/** Writes a result of recovery into the story of its incident; without an incident nothing is written. */
export async function recordRecovery(
  timeline: Timeline,
  incident: string | undefined,
  act: "invariants" | "in-flight" | "cache",
  summary: string,
  figures: JsonObject,
  by: Actor = "recover",
): Promise<void> {
  if (incident === undefined) return;
  const event: IncidentEvent = { kind: "incident.recovery-recorded", data: { act, summary, figures } };
  await timeline.append(`incident/${incident}`, "any", [{ ...event, by }]);
}

import { applyIncidentEvent, type IncidentState } from "../timeline/incident-fold.ts";
import { incidentPrefix } from "../timeline/incident-state.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Timeline } from "../timeline/timeline.ts";

/** All incidents, the newest first, without folding everything anew for each scrape: only what came since is read. */
export function createIncidentCache(timeline: Timeline): () => Promise<readonly IncidentState[]> {
  const states = new Map<string, IncidentState>();
  let position = 0;
  let last: Promise<unknown> = Promise.resolve();
  async function readOn(): Promise<readonly IncidentState[]> {
    for (const event of await readAll(timeline, { prefix: incidentPrefix, after: position })) {
      const known = states.get(event.stream);
      if (known !== undefined || event.kind === "incident.opened")
        states.set(event.stream, applyIncidentEvent(known, event));
      position = event.position;
    }
    return [...states.values()].reverse();
  }
  // One after the other: two at once would apply the same events twice.
  return () => {
    const next = last.then(readOn, readOn);
    last = next;
    return next;
  };
}

import { messageOf } from "../base/error.ts";
import type { Json } from "../base/json.ts";
import { delay } from "../base/time.ts";
import type { Ref } from "../finding/finding.ts";
import { refText } from "../finding/finding.ts";
import { dependenciesOf } from "../system/graph.ts";
import type { System } from "../system/schema.ts";
import { followed } from "../timeline/follow.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { findIncident } from "../timeline/incident-state.ts";
import type { Event, Timeline } from "../timeline/timeline.ts";
import type { Watcher } from "../watch/watcher.ts";

/** The counters are read once a second: so long after the end, they have counted what failed at the end. */
const afterEndMs = 2500;

/**
 * When an incident is mitigated, writes into it what the outage cost, as the services that it concerns have counted.
 * Ends with the signal.
 */
export async function measureImpacts(options: {
  system: System;
  timeline: Timeline;
  watcher: Pick<Watcher, "impact">;
  signal: AbortSignal;
  problem(text: string): void;
}): Promise<void> {
  const { timeline, signal, problem } = options;
  if (Object.values(options.system.services).every(({ counts }) => counts === undefined)) return;
  const kind: IncidentEvent["kind"] = "incident.mitigated";
  const unread = (error: unknown) =>
    problem(`Incidents are not followed, to measure their impact: ${messageOf(error)}`);
  for await (const event of followed(timeline, await timeline.position(), signal, unread)) {
    if (event.kind !== kind) continue;
    await measure(options, event).catch((error) => {
      if (!signal.aborted) problem(`The impact could not be measured: ${messageOf(error)}`);
    });
  }
}

async function measure(
  { system, timeline, watcher, signal }: Parameters<typeof measureImpacts>[0],
  event: Event,
): Promise<void> {
  await delay(afterEndMs, signal);
  const incident = await findIncident(timeline, event.stream.slice(event.stream.indexOf("/") + 1));
  const outage = incident.outages.findLast(({ to }) => to === event.at);
  if (outage === undefined) return;
  const measured = servicesConcerned(system, incident.subject)
    .map((service) => watcher.impact(service, outage.from, event.at))
    .filter((impact) => impact !== undefined);
  const events = measured.map((impact) => ({
    kind: "incident.impact-measured" satisfies IncidentEvent["kind"],
    by: "watch",
    data: { ...impact } as Json,
  }));
  if (events.length > 0) await timeline.append(event.stream, "any", events);
}

/** Those that the incident is about, or that need what it is about. */
function servicesConcerned(system: System, subject: Ref): readonly string[] {
  return Object.keys(system.services).filter((name) => {
    const service: Ref = { kind: "service", name };
    return [service, ...dependenciesOf(system, service)].some((ref) => refText(ref) === refText(subject));
  });
}

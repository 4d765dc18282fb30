import { type Clock, millisecondsBetween } from "../base/time.ts";
import { type Finding, findingKey } from "../finding/finding.ts";
import type { System } from "../system/schema.ts";
import { openFindings, watchStream } from "../timeline/finding-record.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { applyIncidentEvent, type IncidentState } from "../timeline/incident-fold.ts";
import { incidentPrefix } from "../timeline/incident-state.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Event, Timeline } from "../timeline/timeline.ts";

import { type Planned, plannedAfter } from "./planned.ts";

/**
 * What the responder knows of the timeline, kept in memory so that a change need not fold everything anew: only what
 * was appended since is read. Nothing here is the truth; it can be thrown away at any time.
 */
export interface Knowledge {
  /** Reads what was appended since, by whomever. */
  refresh(): Promise<void>;
  /** Takes in what was just appended here, so that a second attempt does not say it twice. */
  learn(events: readonly Event[]): void;
  /** Every incident that a finding could still belong to, in the order in which they were opened. */
  incidents(): readonly IncidentState[];
  /** The planned changes that have begun and not ended. */
  planned(): Planned;
  /** What is open according to `watch/<system>`, by key. */
  recorded(): ReadonlyMap<string, Finding>;
  /** What the watch has ever raised and not cleared, in the record or in an incident, by key. */
  believed(): ReadonlyMap<string, Pick<Finding, "code" | "subject">>;
}

/** An incident resolved longer ago than this, and than `watch.settle`, is forgotten. */
const forgetAfterMs = 3_600_000;

export function createKnowledge(system: System, timeline: Timeline, clock: Clock): Knowledge {
  const record = watchStream(system.system);
  const incidents = new Map<string, IncidentState>();
  const raisedByWatch = new Map<string, Finding>();
  let recorded = new Map<string, Finding>();
  let planned: Planned = new Map();
  let position: number | undefined;

  function learn(events: readonly Event[]): void {
    for (const event of events) {
      if (event.stream === record) recorded = openFindings([event], recorded);
      else if (event.stream.startsWith(incidentPrefix)) learnIncident(event);
      else if (event.stream.startsWith("plan/")) planned = plannedAfter(planned, event);
    }
  }

  function learnIncident(event: Event): void {
    const known = incidents.get(event.stream);
    if (known === undefined && event.kind !== "incident.opened") return; // begun by nobody who opens incidents, or forgotten
    if (known !== undefined && event.version <= known.version) return; // learnt already
    incidents.set(event.stream, applyIncidentEvent(known, event));
    if (event.by === "watch") for (const finding of findingsOf(event)) raisedByWatch.set(findingKey(finding), finding);
  }

  function forget(): void {
    const now = clock.now();
    for (const [stream, { times, open }] of incidents) {
      const age = times.resolvedAt === null ? 0 : millisecondsBetween(times.resolvedAt, now);
      if (open.length === 0 && age > Math.max(forgetAfterMs, system.watch.settle)) incidents.delete(stream);
    }
  }

  return {
    async refresh() {
      if (position === undefined) {
        const start = await timeline.position();
        learn(await readAll(timeline, { prefix: incidentPrefix }));
        learn(await readAll(timeline, { stream: record }));
        learn(await readAll(timeline, { prefix: "plan/" }));
        position = start;
      }
      const since = await readAll(timeline, { after: position });
      learn(since);
      position = since.at(-1)?.position ?? position;
      forget();
    },
    learn,
    incidents: () => [...incidents.values()],
    planned: () => planned,
    recorded: () => recorded,
    believed() {
      const inIncidents = [...incidents.values()].flatMap(({ open }) =>
        open.map((finding) => [findingKey(finding), finding] as const),
      );
      return new Map([...recorded, ...inIncidents.filter(([key]) => raisedByWatch.has(key))]);
    },
  };
}

function findingsOf(event: Event): readonly Finding[] {
  const said = event as unknown as IncidentEvent;
  switch (said.kind) {
    case "incident.opened":
    case "incident.recurred":
      return said.data.findings;
    case "incident.finding-raised":
      return [said.data.finding];
    default:
      return [];
  }
}

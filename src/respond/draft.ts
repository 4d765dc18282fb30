import type { Json } from "../base/json.ts";
import type { Instant } from "../base/time.ts";
import type { Finding, Ref } from "../finding/finding.ts";
import type { IncidentEvent } from "../timeline/incident.ts";
import { applyIncidentEvent, earliest, type IncidentState } from "../timeline/incident-fold.ts";
import { incidentId } from "./incident-id.ts";

/**
 * An incident while it is decided what to append to it: as it is, and as it will be once the events are there. Lives
 * only within one call of `decide`; the only thing there that changes.
 */
export type Draft = {
  /** As it is in the timeline; undefined when it does not exist yet. */
  readonly before: IncidentState | undefined;
  /** As it would be with the events. */
  state: IncidentState;
  readonly expectedVersion: number;
  readonly events: IncidentEvent[];
};

export type PendingDrafts = Draft[];

export function draftOf(state: IncidentState): Draft {
  return { before: state, state, expectedVersion: state.version, events: [] };
}

/** An incident that does not exist yet. */
export function newDraft(drafts: readonly Draft[], finding: Finding, subject: Ref, now: Instant): Draft {
  const id = incidentId(now, subject, (candidate) => drafts.some(({ state }) => state.id === candidate));
  const event = openedBy([finding], finding.title, subject);
  const state = fold(undefined, id, event, now);
  return { before: undefined, state, expectedVersion: 0, events: [event] };
}

export function say(draft: Draft, event: IncidentEvent, now: Instant): void {
  draft.state = fold(draft.state, draft.state.id, event, now);
  draft.events.push(event);
}

/** One more finding. What is seen in the same moment as the first stands in the opening event itself. */
export function sayRaised(draft: Draft, finding: Finding, now: Instant): void {
  const index = draft.events.length - 1;
  const last = draft.events[index];
  if (last?.kind === "incident.opened")
    draft.events[index] = openedBy([...last.data.findings, finding], last.data.title, last.data.subject);
  else if (last?.kind === "incident.recurred")
    draft.events[index] = { kind: "incident.recurred", data: { findings: [...last.data.findings, finding] } };
  else return say(draft, { kind: "incident.finding-raised", data: { finding } }, now);
  let state = draft.before;
  for (const event of draft.events) state = fold(state, draft.state.id, event, now);
  draft.state = state ?? draft.state;
}

function openedBy(findings: readonly Finding[], title: string, subject: Ref): IncidentEvent {
  const critical = findings.filter((finding) => finding.severity === "critical");
  const gravest = critical.length > 0 ? critical : findings;
  const outageStart = earliest(gravest.map((finding) => finding.lastGoodAt));
  const severity = critical.length > 0 ? "critical" : "warning";
  return { kind: "incident.opened", data: { title, severity, subject, findings, outageStart } };
}

function fold(state: IncidentState | undefined, id: string, event: IncidentEvent, now: Instant): IncidentState {
  return applyIncidentEvent(state, {
    stream: `incident/${id}`,
    version: (state?.version ?? 0) + 1,
    // After everything that is stored.
    position: Number.MAX_SAFE_INTEGER,
    at: now,
    by: "watch",
    kind: event.kind,
    data: event.data as unknown as Json,
  });
}

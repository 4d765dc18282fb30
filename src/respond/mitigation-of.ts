import type { Instant } from "../base/time.ts";
import { scopeOf } from "./relation.ts";
import { type Ref, refText } from "../finding/finding.ts";
import type { PlanEvent } from "../plan/events.ts";
import type { IncidentState } from "../timeline/incident-fold.ts";
import type { Event } from "../timeline/timeline.ts";

/** What one has to know of a plan to tell whether it was what put things right. */
export type PlanFact = Readonly<{
  id: string;
  kind: string;
  subject: Ref;
  incident: string | null;
  startedAt: Instant;
  /** null while it has not ended. */
  endedAt: Instant | null;
  /** null while it runs, or was interrupted. */
  outcome: "done" | "done-with-failures" | "stopped" | null;
}>;

/**
 * How the service came to work again, as far as it was seen: by the plan that was carried out meanwhile. One that was
 * begun before the outage may have been its reason, and ended it all the same. Without a plan, nobody knows.
 */
export function mitigationOf(incident: IncidentState, plans: readonly PlanFact[]): string {
  const since = incident.outages.at(-1)?.from ?? incident.times.noticedAt;
  const meanwhile = plans
    .filter((candidate) => concerns(candidate, incident) && (candidate.endedAt ?? since) >= since)
    .toSorted((one, other) => one.startedAt.localeCompare(other.startedAt));
  const plan = meanwhile.findLast(({ outcome }) => outcome !== "stopped") ?? meanwhile.at(-1);
  if (plan === undefined) return byItself;
  switch (plan.outcome) {
    case "stopped":
      return `after plan ${plan.id} (${plan.kind}) had stopped half-way; what put it right is not known`;
    case null:
      return `while plan ${plan.id} (${plan.kind}) was being carried out`;
    case "done":
    case "done-with-failures":
      return `by plan ${plan.id} (${plan.kind})`;
  }
}

/** Whether a plan that concerns it was begun and has not ended. */
export function isUnderWay(incident: IncidentState, plans: readonly PlanFact[]): boolean {
  return plans.some((plan) => plan.outcome === null && concerns(plan, incident));
}

const byItself = "without a plan of Blackstart's; what put it right is not known";

/** The plans of these events that were started. */
export function planFacts(events: readonly Event[]): readonly PlanFact[] {
  const facts = new Map<string, Omit<PlanFact, "startedAt"> & { startedAt: Instant | null }>();
  for (const event of events) {
    const said = event as unknown as PlanEvent;
    const known = facts.get(event.stream);
    if (said.kind === "plan.stored") {
      const { id, kind, subject, incident } = said.data.plan;
      facts.set(event.stream, {
        id,
        kind,
        subject,
        incident: incident ?? null,
        startedAt: null,
        endedAt: null,
        outcome: null,
      });
    } else if (known !== undefined) facts.set(event.stream, { ...known, ...progressOf(said, event.at, known) });
  }
  return [...facts.values()].flatMap((fact) =>
    fact.startedAt === null ? [] : [{ ...fact, startedAt: fact.startedAt }],
  );
}

function progressOf(said: PlanEvent, at: Instant, known: { startedAt: Instant | null }): Partial<PlanFact> {
  switch (said.kind) {
    case "plan.started":
      return { startedAt: known.startedAt ?? at };
    case "plan.finished":
      return { outcome: said.data.outcome, endedAt: at };
    case "plan.stopped":
      return { outcome: "stopped", endedAt: at };
    case "plan.resumed":
      return { outcome: null, endedAt: null };
    default:
      return {};
  }
}

function concerns(plan: PlanFact, incident: IncidentState): boolean {
  if (plan.incident !== null) return plan.incident === incident.id;
  return refText(scopeOf(plan.subject)) === refText(scopeOf(incident.subject));
}

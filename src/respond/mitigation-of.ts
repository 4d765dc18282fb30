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
  /** null while it runs, or was interrupted. */
  outcome: "done" | "done-with-failures" | "stopped" | null;
}>;

/** How the service came to work again: by the plan that was carried out meanwhile, or by itself. */
export function mitigationOf(incident: IncidentState, plans: readonly PlanFact[]): string {
  const since = incident.outages.at(-1)?.from ?? incident.times.noticedAt;
  const plan = plans
    .filter((candidate) => concerns(candidate, incident) && candidate.startedAt >= since)
    .filter((candidate) => candidate.outcome !== "stopped")
    .toSorted((one, other) => one.startedAt.localeCompare(other.startedAt))
    .at(-1);
  if (plan === undefined) return "by itself";
  return plan.outcome === null
    ? `while plan ${plan.id} (${plan.kind}) was being carried out`
    : `by plan ${plan.id} (${plan.kind})`;
}

/** The plans of these events that were started. */
export function planFacts(events: readonly Event[]): readonly PlanFact[] {
  const facts = new Map<string, Omit<PlanFact, "startedAt"> & { startedAt: Instant | null }>();
  for (const event of events) {
    const said = event as unknown as PlanEvent;
    const known = facts.get(event.stream);
    if (said.kind === "plan.stored") {
      const { id, kind, subject, incident } = said.data.plan;
      facts.set(event.stream, { id, kind, subject, incident: incident ?? null, startedAt: null, outcome: null });
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
      return { outcome: said.data.outcome };
    case "plan.stopped":
      return { outcome: "stopped" };
    case "plan.resumed":
      return { outcome: null };
    default:
      return {};
  }
}

function concerns(plan: PlanFact, incident: IncidentState): boolean {
  if (plan.incident !== null) return plan.incident === incident.id;
  return refText(scopeOf(plan.subject)) === refText(scopeOf(incident.subject));
}

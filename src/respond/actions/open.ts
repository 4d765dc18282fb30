import { BlackstartError } from "../../base/error.ts";
import { type Clock, type Instant, systemClock } from "../../base/time.ts";
import { type Ref, refText, type Severity } from "../../finding/finding.ts";
import type { IncidentEvent } from "../../timeline/incident.ts";
import { type IncidentState, incidentState } from "../../timeline/incident-fold.ts";
import { incidentStream, listIncidents } from "../../timeline/incident-state.ts";
import { incidentId } from "../incident-id.ts";
import { scopeOf } from "../relation.ts";
import { type ActionContext, isConflict, newEvent } from "./change-incident.ts";
import { textOf } from "./said.ts";

const attemptsMax = 10;

/**
 * Opens an incident by hand, for what no check has found. One that is open about the same thing already is not doubled:
 * NOT_POSSIBLE_NOW names it.
 * @param asked.outageStart since when, where the person knows
 */
export async function openIncident(
  { timeline, by }: ActionContext,
  asked: Readonly<{ title: string; subject: Ref; severity: Severity; outageStart?: Instant }>,
  clock: Clock = systemClock,
): Promise<IncidentState> {
  const data = {
    title: textOf("a title", asked.title),
    severity: asked.severity,
    subject: asked.subject,
    findings: [],
    outageStart: asked.outageStart ?? null,
  };
  const event: IncidentEvent = { kind: "incident.opened", data };
  let conflict: unknown;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const known = await listIncidents(timeline);
    assertNoneOpen(known, asked.subject);
    const id = incidentId(clock.now(), asked.subject, (candidate) =>
      known.some((incident) => incident.id === candidate),
    );
    try {
      return incidentState(await timeline.append(incidentStream(id), 0, [newEvent(event, by)]));
    } catch (error) {
      if (!isConflict(error)) throw error;
      conflict = error;
    }
  }
  throw conflict;
}

function assertNoneOpen(known: readonly IncidentState[], subject: Ref): void {
  const about = refText(scopeOf(subject));
  const open = known.find((incident) => incident.status === "open" && refText(scopeOf(incident.subject)) === about);
  if (open === undefined) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `An incident about ${about} is open already: ${open.id}.`,
    why: `“${open.title}” was noticed at ${open.times.noticedAt}; two incidents about one thing would divide the people.`,
    next: `Add what you know to it: \`blackstart incident note ${open.id} "…"\`.`,
    details: { incident: open.id },
  });
}

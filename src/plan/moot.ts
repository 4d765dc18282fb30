import type { IncidentState } from "../timeline/incident-fold.ts";
import { incidentState, incidentStream } from "../timeline/incident-state.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Timeline } from "../timeline/timeline.ts";
import { answersRemedy } from "./answers.ts";
import type { PlanStatus } from "./status.ts";

/**
 * Why a proposal is for an outage that is over; undefined while it is asked for, or was not made for a finding. Made again
 * of the next outage's facts it may be another plan, so this one must never be carried out. Pure.
 */
export function mootReason(status: PlanStatus, incident: IncidentState | undefined): string | undefined {
  const isProposal = (status.state === "proposed" || status.state === "approved") && status.startedAt === undefined;
  if (!isProposal || status.proposedBy !== "auto" || incident === undefined) return undefined;
  if (incident.status === "resolved") return `The incident ${incident.id} is resolved.`;
  const asked = incident.open.some(({ remedy }) => remedy !== undefined && answersRemedy(status.plan, remedy));
  return asked ? undefined : `What it was made for is over: no open finding of ${incident.id} asks for it any more.`;
}

/** The same, asked of the timeline. */
export async function mootNow(timeline: Timeline, status: PlanStatus): Promise<string | undefined> {
  const { incident } = status.plan;
  if (incident === undefined) return undefined;
  const events = await readAll(timeline, { stream: incidentStream(incident) });
  return mootReason(status, events[0]?.kind === "incident.opened" ? incidentState(events) : undefined);
}

import { BlackstartError } from "../../base/error.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import { responderRole } from "../../timeline/incident-people.ts";
import { type ActionContext, changeIncident, nameOf } from "./change-incident.ts";

/** “I have it.” Twice by the same person is once; by another while somebody has it is NOT_POSSIBLE_NOW. */
export function acknowledgeIncident(context: ActionContext, incident: string): Promise<IncidentState> {
  const who = nameOf(context.by);
  return changeIncident(context, incident, (state) => {
    const responder = state.people.find(({ roles }) => roles.includes(responderRole));
    if (state.times.acknowledgedAt !== null && responder?.who === who) return [];
    if (state.status === "resolved") throw over(state);
    if (state.times.acknowledgedAt !== null) throw taken(state, responder?.who ?? "somebody");
    return [{ kind: "incident.acknowledged", data: { who } }];
  });
}

function over(state: IncidentState): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Incident ${state.id} is resolved; there is nothing left to acknowledge.`,
    why: `It was resolved at ${state.times.resolvedAt}: ${state.resolution}`,
    next: `To add something all the same: \`blackstart incident note ${state.id} "…"\`.`,
    details: { incident: state.id },
  });
}

function taken(state: IncidentState, who: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${who} has incident ${state.id} already.`,
    why: `It was acknowledged at ${state.times.acknowledgedAt}.`,
    next: `To take it over: \`blackstart incident assign ${state.id} <you> --role ${responderRole}\`; to help, with another role.`,
    details: { incident: state.id, who },
  });
}

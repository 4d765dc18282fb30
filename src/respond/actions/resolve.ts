import { BlackstartError } from "../../base/error.ts";
import type { IncidentEvent } from "../../timeline/incident.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import { type ActionContext, changeIncident, nameOf } from "./change-incident.ts";
import { textOf } from "./said.ts";

/**
 * Closes it for good. Refused (NOT_POSSIBLE_NOW) while something critical is still open in it, unless the person says
 * so; and when it is resolved already.
 * @param asked.resolution what put it right
 * @param asked.despiteOpenFindings what is wrong may stay so: a false alarm, or something the team lives with
 */
export async function resolveIncident(
  context: ActionContext,
  incident: string,
  asked: Readonly<{ resolution: string; despiteOpenFindings?: boolean }>,
): Promise<IncidentState> {
  const resolution = textOf("the resolution", asked.resolution);
  return changeIncident(context, incident, (state) => {
    if (state.status === "resolved") throw resolvedAlready(state);
    const critical = state.open.filter((finding) => finding.severity === "critical");
    if (critical.length > 0 && asked.despiteOpenFindings !== true)
      throw stillWrong(
        state,
        critical.map(({ title }) => title),
      );
    const resolved: IncidentEvent = { kind: "incident.resolved", data: { resolution } };
    // Opened by hand, or against the evidence: that the service works is what the person says.
    const mitigated: IncidentEvent = { kind: "incident.mitigated", data: { how: `as ${nameOf(context.by)} says` } };
    return state.status === "open" && critical.length === 0 ? [mitigated, resolved] : [resolved];
  });
}

function resolvedAlready(state: IncidentState): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Incident ${state.id} is resolved already.`,
    why: `It was resolved at ${state.times.resolvedAt}: ${state.resolution}`,
    next: `To add something: \`blackstart incident note ${state.id} "…"\`.`,
    details: { incident: state.id },
  });
}

function stillWrong(state: IncidentState, titles: readonly string[]): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Incident ${state.id} cannot be resolved: ${titles.length === 1 ? "this is" : `these ${titles.length} are`} still wrong.`,
    why: titles.slice(0, 5).join(" "),
    next: "Put it right first. If it is a false alarm, or you live with it, say so: resolve it despite open findings.",
    details: { incident: state.id, open: titles.length },
  });
}

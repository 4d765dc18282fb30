import { BlackstartError } from "../../base/error.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import { type ActionContext, changeIncident } from "./change-incident.ts";
import { textOf } from "./said.ts";

/** Data, caches, alerts and workarounds are settled. NOT_POSSIBLE_NOW while the service does not even work. */
export async function declareRecovered(
  context: ActionContext,
  incident: string,
  summary: string,
): Promise<IncidentState> {
  const data = { summary: textOf("the summary", summary) };
  return changeIncident(context, incident, (state) => {
    if (state.times.recoveredAt !== null) return [];
    if (state.status === "open")
      throw new BlackstartError("NOT_POSSIBLE_NOW", {
        what: `Incident ${state.id} is not mitigated yet.`,
        why: "What is not even working again has not recovered.",
        next: "Mitigate first; `blackstart status` shows what is still wrong.",
        details: { incident: state.id },
      });
    return [{ kind: "incident.recovered", data }];
  });
}

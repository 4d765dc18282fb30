import type { IncidentState } from "../../timeline/incident-fold.ts";
import { type ActionContext, changeIncident } from "./change-incident.ts";
import { textOf } from "./said.ts";

/** What somebody saw, did or thought. Also after the incident is resolved: much is understood only then. */
export async function noteOnIncident(context: ActionContext, incident: string, text: string): Promise<IncidentState> {
  const data = { text: textOf("a note", text) };
  return changeIncident(context, incident, () => [{ kind: "incident.noted", data }]);
}

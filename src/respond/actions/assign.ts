import type { IncidentState } from "../../timeline/incident-fold.ts";
import { type ActionContext, changeIncident } from "./change-incident.ts";
import { nameText } from "./said.ts";

/** Gives somebody a role (commander, communications, scribe, …). A role has one holder: it passes on. */
export async function assignRole(
  context: ActionContext,
  incident: string,
  asked: Readonly<{ who: string; role: string }>,
): Promise<IncidentState> {
  const data = { who: nameText("a person", asked.who), role: nameText("a role", asked.role) };
  return changeIncident(context, incident, (state) =>
    state.people.some(({ who, roles }) => who === data.who && roles.includes(data.role))
      ? []
      : [{ kind: "incident.assigned", data }],
  );
}

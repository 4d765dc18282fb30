import type { Severity } from "../../finding/finding.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import { type ActionContext, changeIncident } from "./change-incident.ts";
import { textOf } from "./said.ts";

/** Says how bad it is, and why. The severity it has already is no change. */
export async function setSeverity(
  context: ActionContext,
  incident: string,
  asked: Readonly<{ severity: Severity; reason: string }>,
): Promise<IncidentState> {
  const data = { severity: asked.severity, reason: textOf("a reason", asked.reason) };
  return changeIncident(context, incident, (state) =>
    state.severity === data.severity ? [] : [{ kind: "incident.severity-set", data }],
  );
}

import { systemClock } from "../../../base/time.ts";
import type { JsonObject } from "../../../base/json.ts";
import { type IncidentState, listIncidents } from "../../../timeline/incident-state.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";
import { renderIncidentLine } from "../../output/render-incident.ts";

export async function listCommand(context: CommandContext, options: { all?: boolean }): Promise<Outcome> {
  const { out } = context;
  const every = await listIncidents(await context.timeline());
  const shown = options.all ? every : every.filter((incident) => incident.status !== "resolved");
  const now = systemClock.now();
  for (const incident of shown) {
    out.record({ incident: incidentJson(incident) });
    out.text(...renderIncidentLine(incident, now, out.style, out.layout));
  }
  if (shown.length === 0) {
    out.progress(every.length === 0 ? "There has been no incident yet." : "No incident is open.");
  }
  const hidden = every.length - shown.length;
  if (hidden > 0) out.progress(`${counted(hidden, "resolved incident")}: see --all.`);
  return { result: { incidents: shown.length } };
}

/** What a script wants to know of an incident; everything else is in `incident show --json`. */
export function incidentJson(incident: IncidentState): JsonObject {
  const { id, title, severity, status, subject, times, people } = incident;
  return { id, title, severity, status, subject, times, people };
}

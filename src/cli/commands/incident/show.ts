import { systemClock } from "../../../base/time.ts";
import { findIncident, incidentStream } from "../../../timeline/incident-state.ts";
import { readAll } from "../../../timeline/read-all.ts";
import { listPlans } from "../../../plan/status.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { renderIncident } from "../../output/render-incident.ts";
import { goOnWith } from "../plan/find.ts";
import { incidentJson } from "./list.ts";

export async function showCommand(context: CommandContext, id: string): Promise<Outcome> {
  const { out } = context;
  const timeline = await context.timeline();
  const incident = await findIncident(timeline, id);
  out.text(...renderIncident(incident, systemClock.now(), out.style, out.layout), "", out.style.bold("Timeline"));
  out.events(await readAll(timeline, { stream: incidentStream(incident.id) }));
  // As `status` says it: what is proposed already needs no new plan.
  const proposed = (await listPlans(timeline)).findLast(
    ({ state, plan }) => state === "proposed" && plan.incident === incident.id,
  );
  if (proposed !== undefined) out.progress(`Next: ${goOnWith(proposed)}`);
  return { result: { incident: incidentJson(incident) } };
}

import type { Ref } from "../finding/finding.ts";
import { findIncidentId, listIncidents } from "../timeline/incident-state.ts";
import type { CommandContext } from "./context.ts";

/** The incident that a plan belongs to: the one that is named, else the newest open one about the same thing. */
export async function incidentAbout(
  context: CommandContext,
  subject: Ref,
  named: string | undefined,
): Promise<string | undefined> {
  const timeline = await context.timeline();
  if (named !== undefined) return findIncidentId(timeline, named);
  const thing = subject.name.split("/")[0];
  const open = (await listIncidents(timeline)).filter(({ status }) => status !== "resolved");
  const about = (ref: Ref) => ref.name.split("/")[0] === thing;
  return open.find((incident) => about(incident.subject) || incident.open.some(({ subject }) => about(subject)))?.id;
}

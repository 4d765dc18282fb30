import { draftPostmortem } from "../../../learn/postmortem.ts";
import { findIncidentId } from "../../../timeline/incident-state.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";

export async function showCommand(context: CommandContext, asked: string): Promise<Outcome> {
  const timeline = await context.timeline();
  const incident = await findIncidentId(timeline, asked);
  const markdown = await draftPostmortem(timeline, incident);
  context.out.text(markdown.trimEnd());
  return { result: { incident, markdown } };
}

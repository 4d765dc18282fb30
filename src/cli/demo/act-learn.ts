import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { draftPostmortem } from "../../learn/postmortem.ts";
import { resolveIncident } from "../../respond/actions/resolve.ts";
import type { Scene } from "./story.ts";

/** Closes the incident and drafts its postmortem; answers the file. */
export async function writeItDown(scene: Scene, incident: string, killedNode: string): Promise<string> {
  const { timeline, context, tell, folder } = scene;
  tell.act("learn", "the timeline writes the postmortem");
  await resolveIncident({ timeline, by: context.actor }, incident, {
    resolution: `failed over from ${killedNode}; data and cache settled`,
  });
  const file = join(folder, "postmortem.md");
  await writeFile(file, await draftPostmortem(timeline, incident), { mode: 0o600 });
  tell.line(file);
  // The demo knows when it killed; whoever watches a real cluster does not.
  tell.line("it counts from the last good observation, a moment before the kill; here the kill itself is known");
  return file;
}

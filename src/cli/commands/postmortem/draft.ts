import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { draftPostmortem } from "../../../learn/postmortem.ts";
import { changeIncident } from "../../../respond/actions/change-incident.ts";
import { findIncidentId } from "../../../timeline/incident-state.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";

export type DraftOptions = Readonly<{ output?: string; force?: boolean }>;

export async function draftCommand(context: CommandContext, options: DraftOptions, asked: string): Promise<Outcome> {
  const timeline = await context.timeline();
  const incident = await findIncidentId(timeline, asked);
  const path = resolve(options.output ?? `postmortem-${incident}.md`);
  await write(path, await draftPostmortem(timeline, incident), options.force === true);
  await changeIncident({ timeline, by: context.actor }, incident, () => [
    { kind: "incident.postmortem-drafted", data: { path } },
  ]);
  context.out.text(`${path}`);
  context.out.progress("Drafted from the timeline. What only people can know is marked in it: complete it.");
  return { result: { incident, path } };
}

async function write(path: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: force ? "w" : "wx" });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: isThere ? `${path} is there already.` : `${path} cannot be written: ${messageOf(error)}`,
      why: isThere ? "People may have written into it." : "The folder is missing, or this user may not write there.",
      next: isThere
        ? "Name another file with --output, or overwrite it with --force."
        : "Name another file with --output.",
      details: { path },
      cause: error,
    });
  }
}

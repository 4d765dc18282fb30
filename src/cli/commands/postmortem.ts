import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { DraftOptions } from "./postmortem/draft.ts";

/** `blackstart postmortem …`: what the timeline knows, written down. */
export function addPostmortem(program: Command, act: Act): void {
  const postmortem = program.command("postmortem").description("the postmortem, as far as the timeline can write it");
  const identified = (word: string) =>
    postmortem.command(word).argument("<id>", "the incident's id, the beginning of it, or latest");
  act(
    identified("draft")
      .description("write it into a file, for the people to complete")
      .option("-o, --output <file>", "which file (default: postmortem-<id>.md here)")
      .option("--force", "overwrite the file"),
    async (context, options: DraftOptions, id: string) =>
      (await import("./postmortem/draft.ts")).draftCommand(context, options, id),
  );
  act(identified("show").description("print it; writes nothing"), async (context, _, id: string) =>
    (await import("./postmortem/show.ts")).showCommand(context, id),
  );
}

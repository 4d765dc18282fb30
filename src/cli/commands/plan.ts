import type { Command } from "commander";
import type { Act } from "../command.ts";

/** `blackstart plan …`: what was planned, and what became of it. */
export function addPlan(program: Command, act: Act): void {
  const plan = program.command("plan").description("plans: proposed, running, interrupted, done");
  const identified = (word: string) =>
    plan.command(word).argument("<id>", "the plan's id, the beginning of it, or latest");
  act(
    plan.command("list").description("plans that wait for somebody").option("--all", "ended ones as well"),
    async (context, options: { all?: boolean }) => (await import("./plan/list.ts")).listCommand(context, options),
  );
  act(identified("show").description("one plan, and how far it came"), async (context, _, id: string) =>
    (await import("./plan/show.ts")).showCommand(context, id),
  );
  act(
    identified("resume")
      .description("carry out a plan that was proposed, or go on with one that was interrupted")
      .option("--yes", "do not ask"),
    async (context, options: { yes?: boolean }, id: string) =>
      (await import("./plan/resume.ts")).resumeCommand(context, options, id),
  );
  act(
    identified("undo")
      .description("take back what a plan that has ended did, where that is possible")
      .option("--yes", "do not ask"),
    async (context, options: { yes?: boolean }, id: string) =>
      (await import("./plan/undo.ts")).undoCommand(context, options, id),
  );
  act(
    identified("stop").argument("<reason...>", "why").description("end a plan that is being carried out, in order"),
    async (context, _, id: string, words: readonly string[]) =>
      (await import("./plan/stop.ts")).stopCommand(context, id, words),
  );
  act(
    identified("discard").argument("<reason...>", "why").description("put it aside for good"),
    async (context, _, id: string, words: readonly string[]) =>
      (await import("./plan/discard.ts")).discardCommand(context, id, words),
  );
}

import type { Command } from "commander";
import type { Act } from "../command.ts";

/** `blackstart incident …`: what is told and agreed while something is wrong. */
export function addIncident(program: Command, act: Act): void {
  const incident = program.command("incident").description("what is going wrong, who has it, what is thought of it");
  const identified = (name: string) =>
    incident.command(name).argument("<id>", "its id, the beginning of it, or latest");

  act<{ all?: boolean }>(
    incident.command("list").description("open incidents").option("--all", "resolved ones as well"),
    async (context, options) => (await import("./incident/list.ts")).listCommand(context, options),
  );
  act(identified("show").description("one incident: how it stands, and its timeline"), async (context, _, id: string) =>
    (await import("./incident/show.ts")).showCommand(context, id),
  );
}

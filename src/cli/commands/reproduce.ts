import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { ExploreOptions } from "./reproduce/explore.ts";

/** `blackstart reproduce …`: make it happen again, and find what it takes. */
export function addReproduce(program: Command, act: Act): void {
  const reproduce = program.command("reproduce").description("make an outage happen again, and find what it takes");
  act(
    reproduce
      .command("explore")
      .description("the faults after which Pacemaker would leave no primary, and the repair")
      .requiredOption("--cib <file>", "what `cibadmin --query` or `crm configure show` prints")
      .option("--faults <count>", "at most so many faults in sequence", "3")
      .option("--states <count>", "stop after so many states", "20000"),
    async (context, options: ExploreOptions) =>
      (await import("./reproduce/explore.ts")).exploreCommand(context, options),
  );
}

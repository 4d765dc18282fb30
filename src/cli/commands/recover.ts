import type { Command } from "commander";
import type { Act } from "../command.ts";
import { planned } from "./mitigate.ts";
import type { InFlightOptions } from "./recover/in-flight.ts";
import type { RepairOptions } from "./recover/repair.ts";

/** `blackstart recover …`: it works again; now make the data right. Looks; repairs only with `--apply`. */
export function addRecover(program: Command, act: Act): void {
  const recover = program
    .command("recover")
    .description("make the data right: shows what is wrong and the repair; --apply carries it out");
  act(
    planned(
      recover
        .command("invariants")
        .argument("[names...]", "which (default: all)")
        .description("rows that violate the system's invariants"),
    ),
    async (context, options: RepairOptions, names: readonly string[]) =>
      (await import("./recover/invariants.ts")).invariantsCommand(context, options, names),
  );
  act(
    recover
      .command("in-flight")
      .argument("[cluster]", "which cluster (default: the only one)")
      .description("what was in flight when the old primary crashed")
      .option("--node <node>", "the old primary (default: found in the timeline)")
      .option("--directory <folder>", "read the write-ahead log that lies here")
      .option("--incident <id>", "the incident it belongs to"),
    async (context, options: InFlightOptions, cluster: string | undefined) =>
      (await import("./recover/in-flight.ts")).inFlightCommand(context, options, cluster),
  );
  act(
    planned(
      recover
        .command("cache")
        .argument("[names...]", "which (default: all)")
        .description("cache entries that do not match the database"),
    ),
    async (context, options: RepairOptions, names: readonly string[]) =>
      (await import("./recover/cache.ts")).cacheCommand(context, options, names),
  );
}

import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { MinimizeOptions } from "./reproduce/minimize.ts";
import type { RunOptions } from "./reproduce/run.ts";

/** `blackstart reproduce …`: make an outage happen again, and find what of it mattered. */
export function addReproduce(program: Command, act: Act): void {
  const reproduce = program
    .command("reproduce")
    .description("make an outage happen again on this machine, and find the least that causes it");
  act(
    reproduce
      .command("run")
      .argument("<scenario>", "the scenario's file")
      .description("how often the symptom shows, with all factors or with some")
      .option("--trials <count>", "so many trials", "10")
      .option("--control <count>", "so many trials without any factor, first", "3")
      .option("--only <factors>", "with these factors only, separated by commas")
      .option("--jobs <count>", "so many trials at once", "1")
      .option("--fresh", "begin anew, whatever trials are known"),
    async (context, options: RunOptions, file: string) =>
      (await import("./reproduce/run.ts")).runCommand(context, options, file),
  );
  act(
    reproduce
      .command("minimize")
      .argument("[scenario]", "the scenario's file")
      .description("the least that causes it, what else would, and what plays no part")
      .option("--error <rate>", "the probability that any of its decisions is wrong", "0.01")
      .option("--budget <duration>", "no new decision after this long: 10m, 1h", "1h")
      .option("--decisions <count>", "at most so many sets of factors are judged", "64")
      .option("--trials <count>", "at most so many trials for one set", "60")
      .option("--control <count>", "so many trials without any factor, first", "5")
      .option("--jobs <count>", "so many trials at once", "1")
      .option(
        "--oracle <command>",
        "this command decides: exit code 0 is the symptom; the factors are in BLACKSTART_FACTORS",
      )
      .option("--factors <names>", "with --oracle and without a scenario: the factors, separated by commas")
      .option("--out <file>", "write the minimal scenario here (default: beside the scenario)")
      .option("--fresh", "begin anew, whatever trials are known"),
    async (context, options: MinimizeOptions, file: string | undefined) =>
      (await import("./reproduce/minimize.ts")).minimizeCommand(context, options, file),
  );
}

import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { CaptureOptions } from "./reproduce/capture.ts";
import type { ExchangeOptions } from "./reproduce/chaos-toolkit.ts";
import type { CompareOptions } from "./reproduce/compare.ts";

/** `blackstart reproduce …`: make the outage happen again, away from production. */
export function addReproduce(program: Command, act: Act): void {
  const reproduce = program.command("reproduce").description("make an outage happen again, away from production");
  act(
    reproduce
      .command("capture")
      .argument("[cluster]", "which cluster (default: the only one)")
      .description("write down how a cluster is configured, without secrets; changes nothing there")
      .option("--into <file>", "write it into this file (default: print it)")
      .option("--force", "overwrite the file"),
    async (context, options: CaptureOptions, cluster: string | undefined) =>
      (await import("./reproduce/capture.ts")).captureCommand(context, options, cluster),
  );
  act(
    reproduce
      .command("compare")
      .argument("<left>", "production: a capture, a CIB, a text of crm, lab:<name>, or a cluster of the system file")
      .argument("[right]", "the lab, likewise (default: the running cluster that --lab or --file means)")
      .description("what differs between two clusters, the most likely to matter first")
      .option("--as-factors", "print each difference as a factor of a scenario")
      .option("--into <file>", "add the factors to this scenario")
      .option("--exit-code", "end with 1 where there are differences"),
    async (context, options: CompareOptions, left: string, right: string | undefined) =>
      (await import("./reproduce/compare.ts")).compareCommand(context, options, left, right),
  );
  act(
    reproduce
      .command("import")
      .argument("<experiment>", "an experiment or a journal of the Chaos Toolkit, JSON or YAML")
      .description("make factors and a symptom of an experiment")
      .option("--into <file>", "write them into this file (default: print them)")
      .option("--force", "overwrite the file"),
    async (context, options: ExchangeOptions, experiment: string) =>
      (await import("./reproduce/chaos-toolkit.ts")).importCommand(context, options, experiment),
  );
  act(
    reproduce
      .command("export")
      .argument("<scenario>", "a scenario")
      .description("make an experiment of the Chaos Toolkit of a scenario")
      .option("--into <file>", "write it into this file (default: print it)")
      .option("--force", "overwrite the file"),
    async (context, options: ExchangeOptions, scenario: string) =>
      (await import("./reproduce/chaos-toolkit.ts")).exportCommand(context, options, scenario),
  );
}

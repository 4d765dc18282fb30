import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { CaptureOptions } from "./reproduce/capture.ts";

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
}

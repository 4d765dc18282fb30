import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { InitCommandOptions } from "./init/init.ts";

/** `blackstart init`: the system file, written by asking. */
export function addInit(program: Command, act: Act): void {
  act(
    program
      .command("init")
      .argument("<url...>", "postgres://user@address:port/database of one server of each cluster, or of several")
      .description("write blackstart.yaml by asking a running cluster; changes nothing there")
      .option("--system <name>", "the system's name (default: that of its first cluster)")
      .option("--force", "overwrite the file"),
    async (context, options: InitCommandOptions, urls: readonly string[]) =>
      (await import("./init/init.ts")).initCommand(context, options, urls),
  );
}

import type { Command } from "commander";
import type { Act } from "../command.ts";

/** `blackstart check`: every health check, once; or, with `--ready`, whether tonight's plans would work. */
export function addCheck(program: Command, act: Act): void {
  act(
    program
      .command("check")
      .description("every health check, once; changes nothing")
      .option("--ready", "instead: would a failover, a switchover, a rejoin work tonight?"),
    async (context, options: { ready?: boolean }) =>
      options.ready === true
        ? (await import("./check/ready.ts")).checkReadyCommand(context)
        : (await import("./check/check.ts")).checkCommand(context),
  );
}

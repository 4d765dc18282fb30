import type { Command } from "commander";
import type { Act } from "../command.ts";

/** `blackstart check`: every health check, once. */
export function addCheck(program: Command, act: Act): void {
  act(program.command("check").description("every health check, once; changes nothing"), async (context) =>
    (await import("./check/check.ts")).checkCommand(context),
  );
}

import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { UpCommandOptions } from "./up/up.ts";

/** `blackstart up`: watch without a pause, and serve the API. */
export function addUp(program: Command, act: Act): void {
  act(
    program
      .command("up")
      .description("watch without a pause, open incidents, propose plans, serve the API")
      .option("--listen <address>", "where the API listens", "127.0.0.1")
      .option("--port <port>", "at which port; 0: any that is free", "7700"),
    async (context, options: UpCommandOptions) => (await import("./up/up.ts")).upCommand(context, options),
  );
}

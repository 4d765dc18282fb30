import type { Command } from "commander";
import type { Act } from "../command.ts";

/** `blackstart status`: what one types first. */
export function addStatus(program: Command, act: Act): void {
  act(
    program.command("status").description("what is up, what is down, who has it, and what to type next"),
    async (context) => (await import("./status/status.ts")).statusCommand(context),
  );
}

import type { Command } from "commander";
import type { Act } from "../command.ts";

/** `blackstart demo`: one real outage on this machine, told as a story. */
export function addDemo(program: Command, act: Act): void {
  act(
    program
      .command("demo")
      .description("a real outage on a real cluster on this machine, from the kill to the postmortem")
      .option("--unattended", "do not wait for Enter: apply what is proposed"),
    async (context, options: { unattended?: boolean }) =>
      (await import("../demo/demo.ts")).demoCommand(context, options),
  );
}

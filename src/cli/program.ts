import { readFileSync } from "node:fs";
import { Command } from "commander";
import { createAct, type Surroundings } from "./command.ts";
import { addCheck } from "./commands/check.ts";
import { addIncident } from "./commands/incident.ts";
import { addInit } from "./commands/init.ts";
import { addLab } from "./commands/lab.ts";
import { addMitigate } from "./commands/mitigate.ts";
import { addPlan } from "./commands/plan.ts";
import { addPostmortem } from "./commands/postmortem.ts";
import { addRecover } from "./commands/recover.ts";
import { addStatus } from "./commands/status.ts";

/**
 * All commands, composed. Each stands in a file of its own and imports what it needs only when it runs: the help of
 * everything must be there at once.
 */
export function createProgram(surroundings: Surroundings): Command {
  const program = new Command("blackstart");
  program
    .description("Brings a PostgreSQL-backed service back from an outage, and proves beforehand that it can.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    .option("-f, --file <file>", "the system file (default: the nearest blackstart.yaml)")
    .option("--lab <name>", "use this lab's system file")
    .option("--home <folder>", "where the timeline lies (default: $BLACKSTART_HOME)")
    .option("--as <name>", "who you are, for the timeline (default: $USER)")
    .option("--json", "print one JSON object a line, the last one the result")
    .option("--no-color", "print without colours")
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .showHelpAfterError(false);
  const act = createAct(surroundings);
  addInit(program, act);
  addStatus(program, act);
  addCheck(program, act);
  addIncident(program, act);
  addMitigate(program, act);
  addPlan(program, act);
  addRecover(program, act);
  addPostmortem(program, act);
  addLab(program, act);
  return program;
}

/** The command that these words call, as far as they can be understood; options and their values are passed over. */
export function calledCommand(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    command = command.commands.find((each) => each.name() === word || each.aliases().includes(word)) ?? command;
  }
  return command;
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

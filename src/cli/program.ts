import { readFileSync } from "node:fs";
import { Command } from "commander";
import { type Act, createAct, type Surroundings } from "./command.ts";
import { addCheck } from "./commands/check.ts";
import { addDemo } from "./commands/demo.ts";
import { addIncident } from "./commands/incident.ts";
import { addInit } from "./commands/init.ts";
import { addLab } from "./commands/lab.ts";
import { addMitigate } from "./commands/mitigate.ts";
import { addPlan } from "./commands/plan.ts";
import { addPostmortem } from "./commands/postmortem.ts";
import { addRecover } from "./commands/recover.ts";
import { addReproduce } from "./commands/reproduce.ts";
import { addStatus } from "./commands/status.ts";
import { addUp } from "./commands/up.ts";
import { blackstartHome } from "../system/home.ts";

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
    .option("--home <folder>", `where the timeline lies (default: $BLACKSTART_HOME, else ${usualHome(surroundings)})`)
    .option("--as <name>", "who you are, for the timeline (default: $USER)")
    .option("--json", "print one JSON object a line, the last one the result")
    .option("--no-color", "print without colours")
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .configureHelp({
      sortSubcommands: false,
      showGlobalOptions: false,
      helpWidth: helpWidth(surroundings.stdout),
      subcommandTerm,
    })
    .showHelpAfterError(false)
    .addHelpText("after", afterHelp);
  const act = createAct(surroundings);
  addAll(program, act);
  return program;
}

/** As it is on this platform, for whoever reads the help. */
function usualHome({ environment }: Surroundings): string {
  return blackstartHome({ ...environment, BLACKSTART_HOME: undefined, HOME: "~" });
}

/** In the order in which one meets them. */
function addAll(program: Command, act: Act): void {
  program.commandsGroup("To begin with:");
  addDemo(program, act);
  addInit(program, act);
  program.commandsGroup("Notice:");
  addUp(program, act);
  addStatus(program, act);
  addCheck(program, act);
  program.commandsGroup("Respond, mitigate, recover, learn:");
  addIncident(program, act);
  addMitigate(program, act);
  addPlan(program, act);
  addRecover(program, act);
  addPostmortem(program, act);
  program.commandsGroup("Reproduce:");
  addReproduce(program, act);
  program.commandsGroup("Try it out:");
  addLab(program, act);
  program.commandsGroup("More:").helpCommand("help [command]", "print the help of a command");
}

/** The command that these words call, as far as they can be understood; options and their values are passed over. */
export function calledCommand(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    command = command.commands.find((each) => each.name() === word || each.aliases().includes(word)) ?? command;
  }
  return command;
}

/** That there are options one sees in the command's own help; here they would only take the room. */
function subcommandTerm(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "…" : ""}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...words].join(" ");
}

const afterHelp = `
Exit codes: 0 done; 1 something critical was found, or it cannot be done now;
2 wrong call or wrong file; 3 refused for safety; 4 stopped half-way.`;

function helpWidth(stdout: NodeJS.WriteStream): number {
  return Math.min(stdout.isTTY === true ? stdout.columns || 80 : 80, 110);
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

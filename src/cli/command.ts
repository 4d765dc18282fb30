import type { Command } from "commander";
import type { JsonObject } from "../base/json.ts";
import { type CommandContext, createContext, type GlobalOptions } from "./context.ts";
import { createOutput } from "./output/output.ts";

/** How a command ends that did not throw: what the result line says, and the exit code, 0 unless it is given. */
export type Outcome = Readonly<{ exitCode?: number; result?: JsonObject }>;

/**
 * Puts what a command does behind its words. The body is given the command's options together with the global ones,
 * then its arguments, in the order in which they were declared.
 */
export type Act = <Options, Args extends readonly (string | readonly string[] | undefined)[]>(
  command: Command,
  body: (context: CommandContext, options: Options, ...args: Args) => Promise<Outcome>,
) => void;

/** What the program is run with. */
export type Surroundings = Readonly<{
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  stdin: NodeJS.ReadStream;
  environment: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
  /** Told which command it is, as soon as that is known, and how it ended. */
  ended(exitCode: number): void;
}>;

export function createAct(surroundings: Surroundings): Act {
  return (command, body) => {
    command.action(async (...args: unknown[]) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const out = createOutput({ ...surroundings, json: options.json === true, color: options.color !== false });
      const context = createContext(options, { ...surroundings, out });
      const name = commandName(command);
      try {
        // commander gives the arguments, then the command's own options, then the command.
        const positional = args.slice(0, command.registeredArguments.length);
        const outcome = await body(context, options as never, ...(positional as never));
        out.result(name, { ...outcome.result, exitCode: outcome.exitCode ?? 0 });
        surroundings.ended(outcome.exitCode ?? 0);
      } finally {
        await context.close();
      }
    });
  };
}

/** `incident list` */
export function commandName(command: Command): string {
  const names: string[] = [];
  for (let here: Command | null = command; here?.parent != null; here = here.parent) names.unshift(here.name());
  return names.join(" ");
}

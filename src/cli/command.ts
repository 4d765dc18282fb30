import type { Command } from "commander";
import type { JsonObject } from "../base/json.ts";
import { type CommandContext, createContext, type GlobalOptions } from "./context.ts";
import { createOutput } from "./output/output.ts";

/** How a command ends that did not throw: what the result line says, and the exit code, 0 unless it is given. */
export type Outcome = Readonly<{ exitCode?: number; result?: JsonObject }>;

/** What a command does; `options` are its own and the global ones. */
export type CommandBody<Options> = (context: CommandContext, options: Options, ...args: never[]) => Promise<Outcome>;

/** Puts a command's body behind its words: `act(command, body)`. */
export type Act = <Options>(command: Command, body: CommandBody<Options>) => void;

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
        const positional = args.slice(0, command.registeredArguments.length) as never[];
        const outcome = await body(context, options as never, ...positional);
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

import type { CommanderError } from "commander";
import { BlackstartError } from "../base/error.ts";

/**
 * A wrong call in the words of the catalogue; undefined where commander only ended after showing its help. The help is
 * no answer for a program, which gets an error as well.
 */
export function usageError(error: CommanderError, command: string, json: boolean): BlackstartError | undefined {
  if (error.exitCode === 0) return undefined;
  const help = `blackstart ${command === "" ? "" : `${command} `}--help`;
  if (error.code === "commander.help") return json ? incomplete(help) : undefined;
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const nearest = /\(Did you mean (.*)\?\)/.exec(rest.join(" "))?.[1];
  const what = `${first.charAt(0).toUpperCase()}${first.slice(1)}`.replace(/\.?$/, ".");
  return new BlackstartError("USAGE", {
    what,
    why: "The command was not called as it is meant; nothing was done.",
    next: nearest === undefined ? `See \`${help}\`.` : `Did you mean ${nearest}? Otherwise see \`${help}\`.`,
  });
}

function incomplete(help: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: "A command is missing.",
    why: "This is the name of a group of commands; nothing was done.",
    next: `See \`${help}\`.`,
  });
}

import type { CommanderError } from "commander";
import { BlackstartError } from "../base/error.ts";

/** A wrong call in the words of the catalogue; undefined where commander only ended after showing its help. */
export function usageError(error: CommanderError, command: string): BlackstartError | undefined {
  if (error.exitCode === 0 || error.code === "commander.help") return undefined;
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const nearest = /\(Did you mean (.*)\?\)/.exec(rest.join(" "))?.[1];
  const help = `blackstart ${command === "" ? "" : `${command} `}--help`;
  const what = `${first.charAt(0).toUpperCase()}${first.slice(1)}`.replace(/\.?$/, ".");
  return new BlackstartError("USAGE", {
    what,
    why: "The command was not called as it is meant; nothing was done.",
    next: nearest === undefined ? `See \`${help}\`.` : `Did you mean ${nearest}? Otherwise see \`${help}\`.`,
  });
}

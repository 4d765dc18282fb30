import { BlackstartError } from "../../base/error.ts";
import { withoutPasswords } from "../../system/secrets.ts";

const textMax = 10_000;
const nameMax = 80;

/**
 * What a person wrote, without what would move the cursor of a terminal it is shown on, and without the passwords that
 * were pasted with it: the timeline keeps it for ever. Throws USAGE where nothing is
 * left, or too much.
 * @param what how the text is called in the message: `a note`
 */
export function textOf(what: string, text: string): string {
  const visible = text.replace(ansiSequence, "").replace(controlExceptLines, "").trim();
  return checked(what, withoutPasswords(visible), textMax);
}

/** A name or a role: one line. */
export function nameText(what: string, text: string): string {
  return checked(what, text.replace(ansiSequence, "").replace(controlAndLines, " ").trim(), nameMax);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be found (ECMA-48, CSI and OSC sequences)
const ansiSequence = /\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be found
const controlExceptLines = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be found
const controlAndLines = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

function checked(what: string, text: string, max: number): string {
  if (text === "") throw unusable(`${what} needs some text.`, "It is empty.", "Say it in a few words.");
  if (text.length > max)
    throw unusable(
      `${what} may have ${max} characters.`,
      `This has ${text.length}.`,
      "Keep the essence; put the rest into a file and name it.",
    );
  return text.toWellFormed();
}

function unusable(what: string, why: string, next: string): BlackstartError {
  return new BlackstartError("USAGE", { what: what[0]?.toUpperCase() + what.slice(1), why, next });
}

import { BlackstartError } from "../base/error.ts";
import { scrubbed } from "../system/scrub.ts";
import type { NewEvent } from "./timeline.ts";

/** An event's data as text, at most this many bytes. What is larger belongs in a file that the event names. */
export const eventBytesMax = 1024 * 1024;
const depthMax = 64;

/**
 * The data of an event as JSON text, without the secrets in it: what is appended stays for ever. Refuses what would not come back as it went in: undefined, NaN, dates,
 * functions, classes, cycles. Throws USAGE with the place, never the value: it could be a secret.
 */
export function dataText(event: NewEvent): string {
  const problem = firstProblem(event.data, "data", 0);
  if (problem !== undefined) throw refused(event.kind, problem);
  const text = JSON.stringify(scrubbed(event.data));
  if (text.length > eventBytesMax / 4 && Buffer.byteLength(text) > eventBytesMax) {
    throw refused(event.kind, `data is larger than ${eventBytesMax} bytes`);
  }
  return text;
}

/** Throws USAGE unless the event can be stored; `at` is checked where it is given. */
export function assertStorable(stream: string, events: readonly NewEvent[]): void {
  if (!isName(stream)) throw refused("", "the stream's name is empty, too long, or not plain text");
  if (events.length === 0) throw refused("", "there is no event to append");
  for (const event of events) {
    if (!isName(event.kind)) throw refused("", "an event's kind is empty, too long, or not plain text");
    if (!isName(event.by)) throw refused(event.kind, "by is empty, too long, or not plain text");
    if (event.at !== undefined && !isInstant(event.at)) {
      throw refused(event.kind, "at is not a moment like 2026-11-20T03:07:12.345Z");
    }
  }
}

function isName(text: unknown): text is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  return (
    typeof text === "string" && text !== "" && text.length <= 512 && text.isWellFormed() && !/[\0-\x1f]/.test(text)
  );
}

/** Sorts as text only in this one form. */
function isInstant(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && !Number.isNaN(Date.parse(text));
}

function firstProblem(value: unknown, path: string, depth: number): string | undefined {
  if (depth > depthMax) return `${path.slice(0, 100)} is nested deeper than ${depthMax} levels (or holds itself)`;
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `${path} is not a finite number`;
    case "object":
      return value === null ? undefined : problemInside(value, path, depth);
    default:
      return `${path} is ${typeof value === "undefined" ? "undefined" : `a ${typeof value}`}, which is not JSON`;
  }
}

function problemInside(value: object, path: string, depth: number): string | undefined {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const problem = firstProblem(value[index], `${path}[${index}]`, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `${path} is not a plain object`;
  if ("toJSON" in value) return `${path} has a toJSON of its own`;
  for (const key of Object.keys(value)) {
    const problem = firstProblem((value as Record<string, unknown>)[key], `${path}.${key}`, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function refused(kind: string, problem: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: kind === "" ? "Events cannot be stored" : `An event ${kind} cannot be stored`,
    why: problem,
    next: "Nothing was written. This is a fault of the program that appends; please report it.",
  });
}

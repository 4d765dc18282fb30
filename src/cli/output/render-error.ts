import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Json, JsonObject } from "../../base/json.ts";
import { type Layout, wrapped } from "./layout.ts";
import type { Style } from "./style.ts";

/** What happened, why, what to do next. */
export function renderError(error: unknown, style: Style, layout: Layout): string[] {
  const { what, why, next, code } = sayings(error);
  return [
    ...wrapped(what, layout.width, style.red("error: ")),
    ...(why === "" ? [] : wrapped(why, layout.width, "  why: ")),
    ...(next === "" ? [] : wrapped(next, layout.width, "  next: ")),
    ...(code === "INTERNAL" && error instanceof Error ? [style.dim(error.stack ?? "")] : []),
  ];
}

/** The same for machines: the result line of a command that failed. */
export function errorJson(error: unknown): JsonObject {
  const details: Json = error instanceof BlackstartError ? error.details : {};
  return { ...sayings(error), details };
}

export function exitCodeOf(error: unknown): number {
  return error instanceof BlackstartError ? error.exitCode : 1;
}

function sayings(error: unknown): Readonly<{ code: string; what: string; why: string; next: string }> {
  if (error instanceof BlackstartError) {
    return { code: error.code, what: error.message, why: error.why, next: error.next };
  }
  return {
    code: "INTERNAL",
    what: messageOf(error),
    why: "Blackstart did not expect this: it is a fault of its own.",
    next: "See `blackstart status` for how things are, and report this with what you typed.",
  };
}

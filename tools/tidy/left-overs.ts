import { isCode, matches, type Rule } from "./source.ts";

// Put together, so that this file does not find itself.
const marks = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`, "g");
const places = new RegExp(`(?<![\\w.$}])/(?:${["wo" + "rk", "ro" + "ot"].join("|")})/(?=\\w)|\\.\\./sha${"red"}/`, "g");

/** Work that was put off, in code or in prose. */
export const leftMarks: Rule = (sources) =>
  sources.flatMap((source) => matches(source, marks, "work left undone: do it, or write an issue", source.text));

/** Paths of the machine that somebody happened to work on. */
export const machinePaths: Rule = (sources) =>
  sources.flatMap((source) => matches(source, places, "names a path of one machine; nobody else has it", source.text));

/** An error that is dropped without a word. */
export const emptyCatches: Rule = (sources) =>
  sources
    .filter(isCode)
    .flatMap((source) =>
      matches(
        source,
        /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/g,
        "an error is swallowed; write why that is right",
        source.text,
      ),
    );

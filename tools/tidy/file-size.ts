import { isCode, type Rule } from "./source.ts";

/** Tables of cases may be longer than code; nobody reads them from top to bottom. */
const linesMax = (path: string): number => (path.startsWith("test/") ? 500 : 300);

export const fileSize: Rule = (sources) =>
  sources.filter(isCode).flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    const max = linesMax(path);
    return lines <= max
      ? []
      : [{ path, line: max + 1, message: `has ${lines} lines; split it by concern (at most ${max})` }];
  });

import { importsOf } from "./imports.ts";
import { programs } from "./programs.ts";
import { isCode, type Rule } from "./source.ts";

/** A file that nobody but a test imports does nothing for the user. */
export const deadFiles: Rule = (sources) => {
  const code = sources.filter(isCode);
  const used = new Set(
    code
      .filter(({ path }) => !path.startsWith("test/"))
      .flatMap(importsOf)
      .filter(({ from, to }) => from !== to)
      .map(({ to }) => to),
  );
  return code
    .filter(({ path }) => path.startsWith("src/") && !used.has(path) && !programs.includes(path))
    .map(({ path }) => ({ path, line: 1, message: "is imported by nobody but tests; use it, or remove it" }));
};

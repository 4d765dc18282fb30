import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A file of the project; its path starts at the root, with `/`. */
export type Source = Readonly<{ path: string; text: string }>;

/** What a rule has to say of a file. `instead`: what to do. */
export type Violation = Readonly<{ path: string; line: number; message: string }>;

/** Looks at all files at once and answers with what is wrong. */
export type Rule = (sources: readonly Source[]) => readonly Violation[];

const patterns = [
  "{src,test,tools,bench,bin}/**/*.{ts,mjs,js}",
  "{docs,scenarios,schema}/**/*.{md,yaml,json}",
  "*.{md,json,ts,mjs}",
];

export function readSources(root: string): readonly Source[] {
  return globSync(patterns, { cwd: root, exclude: (name) => name === "node_modules" || name === "dist" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path !== "package-lock.json")
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

export function isCode({ path }: Source): boolean {
  return /\.(ts|mjs|js)$/.test(path);
}

/** The code with its comments blanked, so that what is only spoken of is not found; lines stay where they are. */
export function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(?<=^|\s)\/\/.*$/gm, blank);
}

/** A violation for every match of the pattern. */
export function matches(
  source: Source,
  pattern: RegExp,
  message: string,
  text = withoutComments(source.text),
): Violation[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: source.path,
    line: text.slice(0, match.index).split("\n").length,
    message,
  }));
}

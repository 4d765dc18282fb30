import { BlackstartError } from "../base/error.ts";

/** Where in the file's data: `["clusters", "ledger", "nodes", "pg1", "url"]`. */
export type Path = readonly (string | number)[];

/** Where in the file's text. Both count from 1, as editors do. */
export type Position = Readonly<{ line: number; column: number }>;

/** One thing that is wrong with the file. Never holds a secret: values from references are not shown. */
export type Problem = Readonly<{
  line: number;
  column: number;
  /** `clusters.ledger.nodes.pg1.url`; empty for the file as a whole. */
  path: string;
  message: string;
  /** The right name that is nearest to the wrong one. */
  nearest?: string;
}>;

/** Takes the problems as they are found; the file is read to its end whatever is wrong with it. */
export type Report = (
  path: Path,
  message: string,
  options?: Readonly<{
    nearest?: string;
    /** Which place of the path is shown. `parent`: the key of the thing that should hold it. Default: the value. */
    on?: "key" | "parent" | "value";
    /** The place itself, where the path does not tell. */
    at?: Position;
  }>,
) => void;

export function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
}

const shownProblems = 50;

const advice = {
  SYSTEM_FILE_INVALID: {
    why: "It says something that cannot be meant.",
    next: "Correct the places named above; docs/system-file.md explains every key.",
  },
  SCENARIO_INVALID: {
    why: "It says something that cannot be meant.",
    next: "Correct the places named above; docs/scenario-file.md explains every key.",
  },
  SECRET_MISSING: {
    why: "It refers to variables or files that are not there; without them the system cannot be reached.",
    next: "Set the variables in the environment of this command, or make the files readable for its user.",
  },
} as const;

/** One error for all that is wrong; `details.problems` has it as data. */
export function problemsError(code: keyof typeof advice, file: string, problems: readonly Problem[]): BlackstartError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const count = sorted.length === 1 ? "a problem" : `${sorted.length} problems`;
  const lines = sorted.slice(0, shownProblems).map((problem) => problemText(file, problem));
  if (sorted.length > shownProblems) lines.push(`… and ${sorted.length - shownProblems} more`);
  return new BlackstartError(code, {
    what: `${file} has ${count}:\n${lines.map((line) => `  ${line}`).join("\n")}`,
    ...advice[code],
    details: { file, problems: sorted.slice(0, shownProblems), count: sorted.length },
  });
}

/** `blackstart.yaml:7:5 clusters.ledger.nodse: unknown key. Did you mean “nodes”?` */
function problemText(file: string, problem: Problem): string {
  const near = problem.nearest === undefined ? "" : `. Did you mean “${problem.nearest}”?`;
  const path = problem.path === "" ? "" : ` ${problem.path}:`;
  return `${file}:${problem.line}:${problem.column}${path} ${problem.message}${near}`;
}

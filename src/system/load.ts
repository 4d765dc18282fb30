import { dirname, resolve } from "node:path";
import { checkSystem } from "./check.ts";
import { explainIssues } from "./explain.ts";
import { findSystemFile } from "./find.ts";
import { type FollowedText, learnFromEnvironment, learnFromFile } from "./learn-secrets.ts";
import type { Environment } from "./home.ts";
import { keysOf, systemJsonSchema } from "./json-schema.ts";
import { isMapping } from "./loose.ts";
import { type Path, type Problem, pathText, problemsError, type Report } from "./problem.ts";
import { readSecret, readText } from "./read-text.ts";
import { expandReferences } from "./references.ts";
import { type System, systemSchema } from "./schema.ts";
import { readYamlTree, type YamlTree } from "./yaml-tree.ts";

const systemKeysAt = keysOf(systemJsonSchema);

/** A file of a hundred clusters has some 100 KiB; what is larger was not written by hand for us. */
const fileBytesMax = 1024 * 1024;

export type ParseContext = Readonly<{
  /** Shown in messages; references to files start at its folder. */
  path: string;
  environment: Environment;
  /** For tests. Default: from the disk. Takes an absolute path. */
  readFile?: (path: string) => string;
}>;

/**
 * Reads the system file and checks it. Throws SYSTEM_FILE_MISSING, SYSTEM_FILE_INVALID or SECRET_MISSING.
 * @param path the file or its folder; without it, blackstart.yaml is looked for from the present folder upwards
 */
export async function loadSystem(path?: string, environment: Environment = process.env): Promise<System> {
  const file = await findSystemFile(path);
  const text = await readText(file, fileBytesMax);
  if (text === undefined) throw invalidAsAWhole(file, tooLarge);
  learnFromEnvironment(environment);
  return parseSystem(text, { path: file, environment });
}

/** The system that the text describes, or one error that names all that is wrong with it, each with line and column. */
export function parseSystem(text: string, context: ParseContext): System {
  if (Buffer.byteLength(text) > fileBytesMax) throw invalidAsAWhole(context.path, tooLarge);
  const strange = notTextPattern.exec(text);
  if (strange !== null) throw problemsError("SYSTEM_FILE_INVALID", context.path, [notText(text, strange)]);

  const problems: Problem[] = [];
  const tree = readYamlTree(text, (...what) => problems.push(problemOf(undefined, ...what)));
  // What could not be read as YAML makes the rest look wrong in ways that only distract.
  if (problems.length > 0) throw problemsError("SYSTEM_FILE_INVALID", context.path, problems);
  if (!isMapping(tree.data)) throw invalidAsAWhole(context.path, emptyOr(tree.data));

  const report: Report = (...what) => problems.push(problemOf(tree, ...what));
  const secrets: Problem[] = [];
  const { data, unknown } = follow(tree, context, report, (...what) => secrets.push(problemOf(tree, ...what)));
  // A text whose reference leads nowhere is not judged: the missing reference is what is wrong.
  const isKnown = (path: readonly PropertyKey[]) => !unknown.has(JSON.stringify(path));
  const parsed = systemSchema.safeParse(data);
  if (!parsed.success)
    explainIssues(
      parsed.error.issues.filter((issue) => isKnown(issue.path)),
      data,
      systemKeysAt,
      report,
    );
  checkSystem(data, (path, ...what) => isKnown(path) && report(path, ...what));

  if (problems.length > 0) throw problemsError("SYSTEM_FILE_INVALID", context.path, [...problems, ...secrets]);
  if (secrets.length > 0) throw problemsError("SECRET_MISSING", context.path, secrets);
  if (!parsed.success) throw parsed.error; // Cannot be: every issue was explained above.
  return parsed.data;
}

/** Everything with its references followed, and the paths of the texts in which one leads nowhere. */
function follow(tree: YamlTree, context: ParseContext, invalid: Report, missing: Report) {
  const unknown = new Set<string>();
  const readFile = context.readFile ?? readSecret;
  const references = {
    environment: context.environment,
    readFile: (path: string) => readFile(resolve(dirname(context.path), path)),
  };
  const texts: FollowedText[] = [];
  const walk = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (isMapping(value))
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
    if (typeof value !== "string") return value;
    const { text, broken, followed } = expandReferences(value, references);
    texts.push({ path, written: value, text, followed });
    for (const { reference, message, kind } of broken) {
      unknown.add(JSON.stringify(path));
      (kind === "missing" ? missing : invalid)(path, `${reference}: ${message}`, { at: tree.partAt(path, reference) });
    }
    return text;
  };
  const data = withoutEmptySections(walk(tree.data, []) as Record<string, unknown>);
  // Before anything is said of the file: what is wrong with it may quote it.
  learnFromFile(texts, data);
  return { data, unknown };
}

/** A section whose entries are all commented out is no section. */
function withoutEmptySections(data: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([key, value]) => value !== null || key === "system"));
}

function problemOf(tree: YamlTree | undefined, ...[path, message, options = {}]: Parameters<Report>): Problem {
  const { line, column } = options.at ?? placeOf(tree, path, options.on ?? "value");
  return {
    line,
    column,
    path: pathText(path),
    message,
    ...(options.nearest === undefined ? {} : { nearest: options.nearest }),
  };
}

function placeOf(tree: YamlTree | undefined, path: Path, on: "key" | "value" | "parent") {
  if (tree === undefined) return { line: 1, column: 1 };
  switch (on) {
    case "key":
      return tree.keyAt(path);
    case "parent":
      return tree.keyAt(path.slice(0, -1));
    case "value":
      return tree.valueAt(path);
  }
}

// Everything below U+0020 but tab, line feed and carriage return; and U+FFFD, which stands for bytes that are no UTF-8.
const notTextPattern = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFD]/;

function notText(text: string, { 0: character, index }: RegExpExecArray): Problem {
  const before = text.slice(0, index).split("\n");
  const message =
    character === "\uFFFD" ? "is not UTF-8 from here on; save the file as UTF-8" : "is no text: a control character";
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, path: "", message };
}

const tooLarge = `is larger than ${fileBytesMax / 1024 / 1024} MiB; this cannot be a description of a system`;

function emptyOr(data: unknown): string {
  return data === null || data === undefined
    ? "is empty; it must at least name the `system`"
    : "must be a mapping: `system: …`, `clusters: …`";
}

function invalidAsAWhole(file: string, message: string) {
  return problemsError("SYSTEM_FILE_INVALID", file, [{ line: 1, column: 1, path: "", message }]);
}

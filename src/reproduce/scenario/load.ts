import { resolve } from "node:path";
import { explainIssues } from "../../system/explain.ts";
import { type JsonSchema, jsonSchemaOf, keysOf } from "../../system/json-schema.ts";
import { isMapping } from "../../system/loose.ts";
import { type Path, type Problem, pathText, problemsError, type Report } from "../../system/problem.ts";
import { readText } from "../../system/read-text.ts";
import { readYamlTree, type YamlTree } from "../../system/yaml-tree.ts";
import { checkScenario } from "./check.ts";
import { type Scenario, scenarioSchema } from "./schema.ts";

/** What is larger was not written by hand for us. */
const fileBytesMax = 256 * 1024;

export type ParseOptions = Readonly<{
  /** Shown in messages. */
  path: string;
  /** Factors may be mere names, and the symptom missing: an oracle of the user's own knows what they mean. */
  opaque?: boolean;
}>;

/** Reads a scenario and checks it. Throws SCENARIO_INVALID, which names all that is wrong, with line and column. */
export async function loadScenario(file: string, options: { opaque?: boolean } = {}): Promise<Scenario> {
  const path = resolve(file);
  const text = await readText(path, fileBytesMax);
  if (text === undefined) throw invalid(path, `is larger than ${fileBytesMax / 1024} KiB`);
  return parseScenario(text, { path, ...options });
}

export function parseScenario(text: string, { path, opaque = false }: ParseOptions): Scenario {
  const problems: Problem[] = [];
  const tree = readYamlTree(text, (...what) => problems.push(problemOf(undefined, ...what)));
  if (problems.length > 0) throw problemsError("SCENARIO_INVALID", path, problems);
  if (!isMapping(tree.data)) throw invalid(path, "must be a mapping: `scenario: …`, `factors: …`, `symptom: …`");
  const report: Report = (...what) => problems.push(problemOf(tree, ...what));
  const parsed = (opaque ? opaqueSchema : scenarioSchema).safeParse(tree.data);
  if (!parsed.success) explainIssues(parsed.error.issues, tree.data, scenarioKeysAt, report);
  checkScenario(tree.data, report, opaque);
  if (problems.length > 0) throw problemsError("SCENARIO_INVALID", path, problems);
  if (!parsed.success) throw parsed.error; // Cannot be: every issue was explained above.
  return parsed.data;
}

/** Factors of which only the names are known here, for an oracle of the user's own. */
export function scenarioOfNames(names: readonly string[]): Scenario {
  const text = JSON.stringify({ scenario: "oracle", factors: names.map((id) => ({ id })) });
  return parseScenario(text, { path: "--factors", opaque: true });
}

/** For editors. */
export function scenarioJsonSchema(): JsonSchema {
  return { ...jsonSchemaOf(scenarioSchema), title: "A Blackstart scenario" };
}

const opaqueSchema = scenarioSchema.extend({ symptom: scenarioSchema.shape.symptom.prefault({}) });
const scenarioKeysAt: (path: Path) => readonly string[] = keysOf(scenarioJsonSchema);

function problemOf(tree: YamlTree | undefined, ...[path, message, options = {}]: Parameters<Report>): Problem {
  const place = options.at ?? placeOf(tree, path, options.on ?? "value");
  const near = options.nearest === undefined ? {} : { nearest: options.nearest };
  return { ...place, path: pathText(path), message, ...near };
}

function placeOf(tree: YamlTree | undefined, path: Path, on: "key" | "value" | "parent") {
  if (tree === undefined) return { line: 1, column: 1 };
  if (on === "value") return tree.valueAt(path);
  return tree.keyAt(on === "key" ? path : path.slice(0, -1));
}

function invalid(file: string, message: string) {
  return problemsError("SCENARIO_INVALID", file, [{ line: 1, column: 1, path: "", message }]);
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemJsonSchema } from "../../src/system/json-schema.ts";
import { scenarioJsonSchema } from "../../src/reproduce/scenario/load.ts";
import { checksPage } from "./checks-page.ts";
import { errorsPage } from "./errors-page.ts";
import { faultsPage } from "./faults-page.ts";
import { findingsPage } from "./findings-page.ts";
import { scenarioFilePage } from "./scenario-file-page.ts";
import { systemFilePage } from "./system-file-page.ts";

export const exampleFile = "docs/example.yaml";
const exampleScenario = "scenarios/half-done-transfer.yaml";

/** Every generated file of the project, by its path. A test holds them against what lies there. */
export function generatedFiles(root: string): Readonly<Record<string, string>> {
  const schema = systemJsonSchema();
  const scenario = scenarioJsonSchema();
  return {
    "docs/system-file.md": systemFilePage(schema, readFileSync(join(root, exampleFile), "utf8")),
    "docs/scenario-file.md": scenarioFilePage(scenario, readFileSync(join(root, exampleScenario), "utf8")),
    "docs/errors.md": errorsPage(),
    "docs/checks.md": checksPage(),
    "docs/faults.md": faultsPage(),
    "docs/findings.md": findingsPage(),
    "schema/blackstart.schema.json": `${JSON.stringify(schema, null, 2)}\n`,
    "schema/scenario.schema.json": `${JSON.stringify(scenario, null, 2)}\n`,
  };
}

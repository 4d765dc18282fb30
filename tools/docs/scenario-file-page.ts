import type { JsonSchema } from "../../src/system/json-schema.ts";
import { schemaTables } from "./schema-tables.ts";

/** The reference of a scenario's file: a table a section, from the schema, and an example that is checked by a test. */
export function scenarioFilePage(schema: JsonSchema, example: string): string {
  return `<!-- Generated from src/reproduce/scenario/schema.ts by \`npm run docs\`; change it there. -->

# The scenario file

An outage that runs: a cluster, its clients, what is suspected, and what counts as *the* outage. [reproduce.md](reproduce.md)
tells what is done with it; \`scenarios/\` holds some.

A wrong file is refused as a whole, with every problem at once: line, column, what is wrong, and the nearest right name.
Editors that know JSON Schema check it while you type: put
\`# yaml-language-server: $schema=PATH/TO/schema/scenario.schema.json\` in its first line.

## What a trial is

1. A fresh cluster is made: \`cluster\`, changed by those of the present factors that are differences (\`settings\`, \`topology\`,
   \`configuration\`, \`environment\`). What stands later in the file wins.
2. \`workload.setup\` runs; the \`programs\` and the clients begin. Every client writes through the clients' own path, as a service
   would, and what was acknowledged to it is remembered.
3. When the first write is acknowledged, what stands in \`before\` is done, then the present factors that do something (\`fault\`,
   \`sql\`, \`restore\`, …) in the order of the file, then what stands in \`afterwards\`: each when the one before has taken effect.
4. The symptom is looked for. Everything is taken down.

Where a factor is absent, the others stay as they are: one that is done \`after: 1s\` is done one second after whatever is now
before it. A factor that means nothing without another says so in \`needs\`.

## A complete example

\`\`\`yaml
${example.trimEnd()}
\`\`\`

${schemaTables(schema)}`;
}

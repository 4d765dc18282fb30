import type { JsonSchema } from "../../src/system/json-schema.ts";
import { schemaTables } from "./schema-tables.ts";

/** The reference of blackstart.yaml: a table a section, from the schema, and an example that is checked by a test. */
export function systemFilePage(schema: JsonSchema, example: string): string {
  return `<!-- Generated from src/system/schema.ts by \`npm run docs\`; change it there. -->

# blackstart.yaml

What your system should be: its clusters, caches, services and invariants. It lies in your own git. Every command looks for
it in the present folder and those above it; \`--file PATH\` names another. \`blackstart init <url>…\` writes a first one by
asking a running cluster.

${introduction}

## A complete example

\`\`\`yaml
${example.trimEnd()}
\`\`\`

${schemaTables(schema)}`;
}

const introduction = `A wrong file is refused as a whole, with every problem at once: line, column, what is wrong, and the nearest right name.
Editors that know JSON Schema check it while you type: put
\`# yaml-language-server: $schema=PATH/TO/schema/blackstart.schema.json\` in its first line.

## Passwords and other references

In every value (never in a key), after the YAML was read:

| written | stands for |
|---|---|
| \`\${NAME}\` | the environment variable; it must be set |
| \`\${NAME:-otherwise}\` | the same, or \`otherwise\` where it is not set or empty |
| \`\${file:/run/secrets/pw}\` | what the file holds, without the line end at its end |
| \`file:/run/secrets/pw\` | the same, for a whole value |
| \`$\${\` | the two characters \`\${\`; every other \`$\` stands for itself (SQL's \`$1\`, \`$column\`, \`$$\`-quotes) |

A path that is not absolute starts at the folder of the file. In the user, the password and the query part of a url, what a
reference gives is percent-encoded, default values too: a variable holds the password as it is, whatever characters are in
it. A variable that stands for the whole url is taken as it is. A variable that is not set, or a file that cannot be read, is
\`SECRET_MISSING\`, with line and column.

No secret is ever shown, stored or answered: addresses appear without their password, and what a reference leads to appears
as the reference (\`\${TOKEN}\`), also percent-encoded, in SQL or in the output of a command of yours. A reference to a path, an
address, a number or a plain word is no secret, unless its name says so (\`…PASSWORD\`, \`…TOKEN\`). A password written into
the file itself works, but everybody who reads your git reads it.

## Names

Clusters, nodes, caches, services, features and invariants have the names you give them: letters, digits, \`-\`, \`_\`, \`.\`, at
most 63, a letter or digit first. \`needs\` finds clusters, caches and services by one name, so no two of them may share it.

## Short forms

A node may be given as its url alone: \`pg1: "postgres://10.0.0.1/ledger"\`. Texts that end in \`:\` or hold \`: \` stand in quotes.
YAML's anchors, aliases and merge keys (\`<<\`) are understood.

## What is refused, and what is only warned of

\`mitigation.failover: auto\` is refused where it can never come about: no cluster has a second node, or each is failed over by
its own manager, or nothing could show that an old primary is dead (no \`host\` and no \`fence\`). Where it holds for some nodes
and clusters only, the file is taken, and \`check\` and \`up\` warn for which it does not: one switch serves all clusters, and
what would be unsafe is proposed to a person instead.`;

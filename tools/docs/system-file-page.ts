import { durationFormat, type JsonSchema } from "../../src/system/json-schema.ts";

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

${sectionsOf(schema, "").map(sectionText).join("\n")}`;
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

No password is ever shown: addresses appear without it in messages, events, plans and postmortems. A password written into
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

type Section = Readonly<{ path: string; description: string; schema: JsonSchema }>;

/** Every mapping with fixed keys, from the outside in. */
function sectionsOf(schema: JsonSchema, path: string, description = ""): readonly Section[] {
  const object = objectOf(schema);
  if (object?.properties === undefined) {
    const entry = object?.additionalProperties;
    if (typeof entry === "object") return sectionsOf(entry, `${path}.NAME`, description);
    return schema.items === undefined ? [] : sectionsOf(schema.items, `${path}[]`, description);
  }
  const inner = Object.entries(object.properties).flatMap(([key, property]) =>
    sectionsOf(property, path === "" ? key : `${path}.${key}`, property.description ?? ""),
  );
  return [{ path, description, schema: object }, ...inner];
}

function sectionText({ path, description, schema }: Section): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    const isRequired = schema.required?.includes(key) ?? false;
    return `| \`${key}\` | ${typeText(property)} | ${isRequired ? "**required**" : defaultText(property)} | ${cell(property.description ?? "")} |`;
  });
  const title = path === "" ? "## At the top" : `## \`${path}\``;
  return `${title}\n\n${description === "" ? "" : `${description}\n\n`}| key | type | default | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function objectOf(schema: JsonSchema): JsonSchema | undefined {
  return schema.type === "object" ? schema : schema.anyOf?.find(({ type }) => type === "object");
}

function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.format === durationFormat) return "duration";
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(" or ");
  switch (schema.type) {
    case "object":
      return typeof schema.additionalProperties === "object"
        ? `mapping of names to ${plural(typeText(schema.additionalProperties))}`
        : "mapping";
    case "array":
      return `list of ${plural(typeText(schema.items ?? {}))}`;
    case "string":
      return "text";
    case "integer":
      return "whole number";
    case "boolean":
      return "true or false";
    default:
      return schema.type ?? "anything";
  }
}

function plural(type: string): string {
  return type === "text or mapping" ? "mappings (or urls)" : `${type}s`;
}

function defaultText(schema: JsonSchema): string {
  const value = schema.default;
  if (value === undefined || JSON.stringify(value) === "{}" || JSON.stringify(value) === "[]") return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

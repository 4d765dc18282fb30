import { durationFormat, type JsonSchema } from "../../src/system/json-schema.ts";

/** A schema as Markdown: a table for every mapping with fixed keys, from the outside in. */
export function schemaTables(schema: JsonSchema): string {
  return sectionsOf(schema, "").map(sectionText).join("\n");
}

type Section = Readonly<{ path: string; description: string; schema: JsonSchema }>;

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

import { z } from "zod";
import { systemSchema } from "./schema.ts";

/** The part of JSON Schema (draft 2020-12) that comes out of our schema. */
export type JsonSchema = {
  $schema?: string;
  $id?: string;
  title?: string;
  description?: string;
  type?: string;
  default?: unknown;
  enum?: readonly unknown[];
  pattern?: string;
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  anyOf?: readonly JsonSchema[];
  examples?: readonly unknown[];
};

/** The JSON Schema of blackstart.yaml as a person writes it: before defaults and references. For editors. */
export function systemJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(systemSchema, {
    io: "input",
    override: ({ jsonSchema, path }) => {
      const part = jsonSchema as JsonSchema;
      // In the file a reference may stand for the whole text; the check comes after it was followed.
      if (part.pattern !== undefined && path.at(-1) !== "propertyNames" && !part.pattern.includes("\\$\\{"))
        part.pattern = `(?:${part.pattern})|\\$\\{|^file:`;
      if (part.properties?.url !== undefined && part.properties.expendable !== undefined) shortFormOf(part);
    },
  }) as JsonSchema;
  return { ...schema, title: "blackstart.yaml" };
}

/** Made once, when the first wrong key is met: a file with a thousand of them is answered as fast. */
let made: JsonSchema | undefined;

/** The schema that holds at this path of the file; undefined where the path leads out of it. */
function schemaAt(path: readonly PropertyKey[]): JsonSchema | undefined {
  made ??= systemJsonSchema();
  let here: JsonSchema | undefined = made;
  for (const part of path) {
    if (here === undefined) return undefined;
    const mapping = mappingOf(here);
    here =
      typeof part === "number"
        ? here.items
        : (mapping?.properties?.[String(part)] ??
          (typeof mapping?.additionalProperties === "object" ? mapping.additionalProperties : undefined));
  }
  return here;
}

/** The keys that may stand at this path of the file. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  const schema = schemaAt(path);
  return Object.keys((schema === undefined ? undefined : mappingOf(schema))?.properties ?? {});
}

function mappingOf(schema: JsonSchema): JsonSchema | undefined {
  return schema.anyOf?.find((one) => one.type === "object") ?? (schema.type === "object" ? schema : undefined);
}

/** A node may be given as its url alone. */
function shortFormOf(node: JsonSchema): void {
  const long = { ...node };
  for (const key of Object.keys(node)) delete node[key as keyof JsonSchema];
  node.anyOf = [{ ...long.properties?.url, type: "string" }, long];
}

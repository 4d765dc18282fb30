import { z } from "zod";
import { durationText } from "./duration.ts";
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
  const?: unknown;
  pattern?: string;
  format?: string;
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
  return asWritten({ ...jsonSchemaOf(systemSchema), title: "blackstart.yaml" });
}

/** The JSON Schema of a file with durations in it, as a person writes it: before defaults. */
export function jsonSchemaOf(wanted: z.ZodType): JsonSchema {
  return z.toJSONSchema(wanted, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      // A default is given as the check's result, in milliseconds; the person writes a text.
      if (def.type === "default" && jsonSchema.format === durationFormat)
        jsonSchema.default = durationText(def.defaultValue as number);
    },
  }) as JsonSchema;
}

export const durationFormat = "duration-text";

/** A reference may stand for a whole text, whatever the text must look like once it was followed. */
function asWritten(schema: JsonSchema): JsonSchema {
  const result = { ...schema };
  if (schema.pattern !== undefined) result.pattern = `(?:${schema.pattern})|\\$\\{|^file:`;
  if (schema.properties !== undefined)
    result.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([key, property]) => [key, asWritten(property)]),
    );
  if (typeof schema.additionalProperties === "object")
    result.additionalProperties = asWritten(schema.additionalProperties);
  if (schema.items !== undefined) result.items = asWritten(schema.items);
  if (schema.anyOf !== undefined) result.anyOf = schema.anyOf.map(asWritten);
  // A node may be given as its url alone.
  if (result.properties?.url !== undefined && result.properties.expendable !== undefined)
    return { anyOf: [{ ...result.properties.url, type: "string" }, result] };
  return result;
}

/**
 * Tells the keys that may stand at a path of a file. The schema is made when the first wrong key is met, once: a file with
 * a thousand of them is answered as fast.
 */
export function keysOf(make: () => JsonSchema): (path: readonly PropertyKey[]) => readonly string[] {
  let made: JsonSchema | undefined;
  return (path) => {
    made ??= make();
    const schema = schemaAt(made, path);
    return Object.keys((schema === undefined ? undefined : mappingOf(schema))?.properties ?? {});
  };
}

/** The schema that holds at this path of the file; undefined where the path leads out of it. */
function schemaAt(root: JsonSchema, path: readonly PropertyKey[]): JsonSchema | undefined {
  let here: JsonSchema | undefined = root;
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

function mappingOf(schema: JsonSchema): JsonSchema | undefined {
  return schema.anyOf?.find((one) => one.type === "object") ?? (schema.type === "object" ? schema : undefined);
}

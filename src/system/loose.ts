/*
 * Looks into data of which nothing is known yet: what is not of the wanted shape is empty. So the checks between the
 * parts of a file run also where single parts are wrong, and all problems are told at once.
 */

export type Mapping = Readonly<Record<string, unknown>>;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export function mapping(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

/** The entries of a mapping whose values are mappings. */
export function mappings(value: unknown): readonly (readonly [name: string, value: Mapping])[] {
  return Object.entries(mapping(value)).filter((entry): entry is [string, Mapping] => isMapping(entry[1]));
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

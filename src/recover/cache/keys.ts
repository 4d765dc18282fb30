import { BlackstartError } from "../../base/error.ts";

/** The pattern of a cache's keys, `balance:{account}`, ready to be searched for and to be read back. */
export type KeyPattern = Readonly<{
  /** The column of the query that is in the braces. */
  column: string;
  /** For SCAN … MATCH. */
  glob: string;
  /** The identifier in a key; undefined when the key is not of this pattern. */
  identifierOf(key: string): string | undefined;
}>;

export function keyPattern(keys: string): KeyPattern {
  const parts = keys.split(/\{(\w+)\}/);
  const [prefix = "", column, suffix = "", ...more] = parts;
  if (column === undefined || more.length > 0)
    throw new BlackstartError("SYSTEM_FILE_INVALID", {
      what: `The keys “${keys}” cannot be read back.`,
      why: "They need exactly one {column} in braces: its values are what $1 of the query is given.",
      next: "Write one {column}; for keys of several columns, let the query give them joined as they stand in the key.",
    });
  return {
    column,
    glob: `${escapeGlob(prefix)}*${escapeGlob(suffix)}`,
    identifierOf(key) {
      if (!key.startsWith(prefix) || !key.endsWith(suffix)) return undefined;
      const identifier = key.slice(prefix.length, key.length - suffix.length);
      return key.length > prefix.length + suffix.length ? identifier : undefined;
    },
  };
}

/** What stands for itself in a pattern of Redis (`util.c`, stringmatchlen). */
function escapeGlob(text: string): string {
  return text.replace(/[*?[\]^\\]/g, "\\$&");
}

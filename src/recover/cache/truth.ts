import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";

/** What the database says of some identifiers. */
export type Truth = Readonly<{
  /** Identifier → value as text; no entry, or null: nothing should be cached. */
  values: ReadonlyMap<string, string | null>;
  /** Identifiers that the query cannot take (`balance:foo` where accounts have numbers). */
  unreadable: ReadonlySet<string>;
}>;

/** Text that does not fit the type, a number out of range, a wrong date: the identifier's fault, not the query's. */
const identifierErrors = new Set(["22P02", "22003", "22007", "22008", "22021"]);

/** Asks in one query; where an identifier cannot be read, halves the batch until the others are answered. */
export async function askDatabase(
  connection: Connection,
  entry: Readonly<{ query: string; column: string; name: string }>,
  identifiers: readonly string[],
  timeoutMs: number,
): Promise<Truth> {
  if (identifiers.length === 0) return { values: new Map(), unreadable: new Set() };
  let rows: Record<string, unknown>[];
  try {
    rows = await connection.query(entry.query, [identifiers], { timeoutMs });
  } catch (error) {
    const sqlstate = error instanceof BlackstartError ? error.details.sqlstate : undefined;
    if (typeof sqlstate !== "string") throw error;
    if (!identifierErrors.has(sqlstate)) throw explained(entry.name, error as BlackstartError);
    if (identifiers.length === 1) return { values: new Map(), unreadable: new Set(identifiers) };
    const middle = identifiers.length >> 1;
    const halves = [
      await askDatabase(connection, entry, identifiers.slice(0, middle), timeoutMs),
      await askDatabase(connection, entry, identifiers.slice(middle), timeoutMs),
    ];
    return {
      values: new Map(halves.flatMap(({ values }) => [...values])),
      unreadable: new Set(halves.flatMap(({ unreadable }) => [...unreadable])),
    };
  }
  const values = new Map<string, string | null>();
  for (const row of rows) {
    for (const column of [entry.column, "value"])
      if (!(column in row)) throw missingColumn(entry.name, column, Object.keys(row));
    values.set(textOf(row[entry.column]) ?? "", textOf(row.value));
  }
  return { values, unreadable: new Set() };
}

/** As it would stand in the cache. Only text is exact; the query should cast (`::text`). */
function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function missingColumn(name: string, column: string, columns: readonly string[]): BlackstartError {
  return new BlackstartError("SYSTEM_FILE_INVALID", {
    what: `The query of the cache ${name} has no column “${column}”.`,
    why: `It gives: ${columns.join(", ")}.`,
    next: `Let it give “${column}”, for example: select id::text as ${column}, … as value …`,
  });
}

function explained(name: string, error: BlackstartError): BlackstartError {
  return new BlackstartError("QUERY_FAILED", {
    what: `The query of the cache ${name} failed: ${error.message}`,
    why: error.why,
    next: "Correct it in blackstart.yaml; $1 is an array of identifiers, cast it to the column's type: any($1::bigint[]).",
    details: error.details,
    cause: error,
  });
}

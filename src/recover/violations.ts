import { createHash } from "node:crypto";
import { BlackstartError } from "../base/error.ts";
import type { Connection } from "../drivers/postgres/connection.ts";
import type { Invariant } from "../system/schema.ts";
import { bindPlaceholders, firstWordOf, placeholdersOf, quoteIdentifier, statementsOf, tokensOf } from "./sql.ts";

/** A violation: the columns of its row as PostgreSQL writes them, null for NULL. */
export type Violation = Readonly<Record<string, string | null>>;

export type ViolationQuery = Readonly<{
  /** Without a trailing semicolon. */
  sql: string;
  columns: readonly Readonly<{ name: string; type: string }>[];
  /** The columns that make two violations the same: those that the repair names, else all. */
  identity: readonly string[];
}>;

/** The words a statement of a repair may begin with. What cannot be captured or would end the transaction is refused. */
const repairWords = new Set(["insert", "update", "delete", "merge", "with", "select", "values", "call", "do"]);

/** The statements of a repair, one by one; an error for what cannot be run within one transaction. */
export function repairStatements(name: string, repair: string | readonly string[]): readonly string[] {
  const statements = (typeof repair === "string" ? [repair] : repair).flatMap(statementsOf);
  if (statements.length === 0)
    throw invalid(name, "its repair is empty", "Write the SQL that puts one violation right.");
  for (const statement of statements) {
    const word = firstWordOf(statement);
    const setLocal = word === "set" && /^set\s+local\s/i.test(statement);
    if (!repairWords.has(word) && !setLocal)
      throw invalid(
        name,
        `its repair has a statement that begins with “${word}”`,
        "A repair is made of INSERT, UPDATE, DELETE, MERGE, WITH, SELECT, CALL, DO and SET LOCAL: only their changes can be shown beforehand, kept and undone.",
      );
    if (tokensOf(statement).some((token) => token.kind === "number-parameter"))
      throw invalid(name, "its repair uses a numbered parameter", "Name the column of the violation: $transfer_id.");
  }
  return statements;
}

/** Asks the server what columns the violations have, and checks that the repair names only these. Reads no rows. */
export async function describeViolations(
  connection: Connection,
  name: string,
  invariant: Pick<Invariant, "violations" | "repair">,
): Promise<ViolationQuery> {
  const [sql, ...more] = statementsOf(invariant.violations);
  if (sql === undefined || more.length > 0)
    throw invalid(name, "`violations` is not one query", "Write one SELECT that gives a row for each violation.");
  const repair = invariant.repair === undefined ? [] : repairStatements(name, invariant.repair);
  const named = [...new Set(repair.flatMap(placeholdersOf))];
  const columns = await columnsOf(connection, name, sql);
  const known = columns.map((column) => column.name);
  for (const column of named)
    if (!known.includes(column))
      throw invalid(
        name,
        `its repair names $${column}, which is no column of its violations`,
        `The columns are: ${known.join(", ")}.`,
      );
  return { sql, columns, identity: named.length > 0 ? named : known };
}

/** A select list that gives every column as text, under its name. */
export function asText(query: ViolationQuery): string {
  return query.columns.map(({ name }) => `v.${quoteIdentifier(name)}::text as ${quoteIdentifier(name)}`).join(", ");
}

/** What makes a violation the same when it is seen again; short, so that many can be held. */
export function identityOf(query: ViolationQuery, violation: Violation): string {
  const values = query.identity.map((column) => violation[column] ?? null);
  const text = JSON.stringify(values);
  return text.length <= 64 ? text : createHash("sha256").update(text).digest("base64");
}

/** A repair's statement for these violations, ready to be run. */
export function boundRepair(query: ViolationQuery, statement: string): { text: string; columns: readonly string[] } {
  return bindPlaceholders(statement, (column) => query.columns.find(({ name }) => name === column)?.type ?? "text");
}

/**
 * Every column with its type. The query runs with `limit 0`: it is parsed and planned, no row is read. The types come
 * from an outer join with nothing, so there is one row to ask them of.
 */
async function columnsOf(
  connection: Connection,
  name: string,
  sql: string,
): Promise<readonly { name: string; type: string }[]> {
  const empty = `(select 1) as one left join (select * from (\n${sql}\n) as violations limit 0) as v on true`;
  try {
    const [shape] = await connection.query<{ names: string }>(
      // A record of NULLs, so that the names are there although no row is.
      `select row_to_json(r)::text as names from (select v.* from ${empty}) as r`,
    );
    return await typesOf(connection, empty, Object.keys(JSON.parse(shape?.names ?? "{}")));
  } catch (error) {
    throw explained(name, error);
  }
}

async function typesOf(
  connection: Connection,
  empty: string,
  names: readonly string[],
): Promise<readonly { name: string; type: string }[]> {
  const list = names.map((column, index) => `pg_typeof(v.${quoteIdentifier(column)})::text as "${index}"`);
  const [types] = await connection.query<Record<string, string>>(`select ${list.join(", ")} from ${empty}`);
  return names.map((column, index) => ({ name: column, type: types?.[String(index)] ?? "text" }));
}

/** An error of the server, said as an error of the invariant. */
export function explained(name: string, error: unknown): unknown {
  if (!(error instanceof BlackstartError) || error.code !== "QUERY_FAILED") return error;
  return new BlackstartError("QUERY_FAILED", {
    what: `The SQL of the invariant ${name} failed: ${error.message}`,
    why: error.why,
    next: "Correct it in blackstart.yaml; see whether it runs with psql on the primary.",
    details: { invariant: name, ...error.details },
    cause: error,
  });
}

function invalid(name: string, why: string, next: string): BlackstartError {
  return new BlackstartError("SYSTEM_FILE_INVALID", {
    what: `The invariant ${name} cannot be used: ${why}.`,
    why,
    next,
    details: { invariant: name },
  });
}

import type { Connection } from "../../drivers/postgres/connection.ts";
import { quoteIdentifier } from "../sql.ts";

/** A table as the repair meets it. */
export type Table = Readonly<{
  oid: string;
  /** Quoted, with its schema; what SQL and the before-image name it by. */
  name: string;
  columns: readonly Readonly<{ name: string; type: string; generated: boolean }>[];
  /** The primary key's columns; empty when there is none. */
  key: readonly string[];
  bytes: number;
  /** False where this role may not read every row (no SELECT, or row security). */
  readable: boolean;
}>;

/** A row as text: what the types' output functions write, null for NULL. */
export type Row = Readonly<Record<string, string | null>>;

export async function describeTables(connection: Connection, oids: readonly string[]): Promise<readonly Table[]> {
  if (oids.length === 0) return [];
  const rows = await connection.query<{
    oid: string;
    schema: string;
    name: string;
    bytes: string;
    readable: boolean;
    columns: string;
    key: string;
  }>(
    `select c.oid::text, n.nspname as schema, c.relname as name, pg_table_size(c.oid)::text as bytes,
        has_table_privilege(c.oid, 'select') and not row_security_active(c.oid) as readable,
        (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
              'generated', a.attgenerated <> '') order by a.attnum)
           from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)::text as columns,
        coalesce((select json_agg(a.attname order by k.position)
           from pg_index i, unnest(i.indkey::int2[]) with ordinality as k(number, position), pg_attribute a
          where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attnum = k.number), '[]')::text as key
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any($1::oid[]) order by 2, 3`,
    [oids],
    { timeoutMs: 30_000 },
  );
  return rows.map((row) => ({
    oid: row.oid,
    name: `${quoteIdentifier(row.schema)}.${quoteIdentifier(row.name)}`,
    columns: JSON.parse(row.columns ?? "[]"),
    key: JSON.parse(row.key),
    bytes: Number(row.bytes),
    readable: row.readable,
  }));
}

/**
 * The row of `t` as a JSON array of texts. Through format('%s'), which calls the type's output function: a cast to text
 * may be something else. num_nulls tells NULL from a composite of NULLs.
 */
export function rowAsTexts(table: Table): string {
  const texts = table.columns.map(({ name }) => {
    const column = `t.${quoteIdentifier(name)}`;
    return `case when num_nulls(${column}) = 1 then null else format('%s', ${column}) end`;
  });
  return `to_json(array[${texts.join(", ")}]::text[])::text`;
}

export function rowOf(table: Table, texts: string): Row {
  const values = JSON.parse(texts) as (string | null)[];
  return Object.fromEntries(table.columns.map(({ name }, index) => [name, values[index] ?? null]));
}

/** What identifies a row before and after; undefined without a primary key. */
export function keyOf(table: Pick<Table, "key">, row: Row): string | undefined {
  return table.key.length === 0 ? undefined : JSON.stringify(table.key.map((column) => row[column]));
}

/** The same text for the same value, whatever the role's or the database's settings are. */
export const textSettings =
  "set local datestyle = 'ISO'; set local intervalstyle = 'postgres'; set local timezone = 'UTC'; " +
  "set local extra_float_digits = 1; set local bytea_output = 'hex'";

import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { quoteIdentifier } from "../sql.ts";
import type { Changes } from "./put-back.ts";
import type { Row } from "./tables.ts";

type ForeignKey = Readonly<{ name: string; child: string; parent: string; columns: string; keys: string }>;

/**
 * Without triggers no foreign key is checked: here it is asked for every row that was put back or taken away. Throws
 * REFUSED where one would refer to nothing.
 */
export async function assertForeignKeys(connection: Connection, changes: readonly Changes[]): Promise<void> {
  const keys = await connection.query<ForeignKey>(
    `select k.conname as name,
        format('"%s"."%s"', replace(cn.nspname, '"', '""'), replace(c.relname, '"', '""')) as child,
        format('"%s"."%s"', replace(pn.nspname, '"', '""'), replace(p.relname, '"', '""')) as parent,
        (select json_agg(a.attname order by n) from unnest(k.conkey) with ordinality as u(number, n)
           join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number)::text as columns,
        (select json_agg(a.attname order by n) from unnest(k.confkey) with ordinality as u(number, n)
           join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number)::text as keys
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace cn on cn.oid = c.relnamespace
       join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace where k.contype = 'f'`,
  );
  for (const { table, before, after } of changes)
    for (const key of keys) {
      const [columns, referred] = [JSON.parse(key.columns) as string[], JSON.parse(key.keys) as string[]];
      const has = (name: string, columnsThere: readonly string[], row: Row, from: readonly string[]) =>
        hasRow(
          connection,
          name,
          columnsThere,
          from.map((column) => [row[column], typeOf(table, column)] as const),
        );
      if (key.child === table.name)
        for (const row of before)
          if (columns.every((column) => row[column] !== null) && !(await has(key.parent, referred, row, columns)))
            throw broken(key, row);
      if (key.parent === table.name)
        for (const row of after)
          if (!(await has(key.parent, referred, row, referred)) && (await has(key.child, columns, row, referred)))
            throw broken(key, row);
    }
}

function typeOf(table: Changes["table"], column: string): string {
  return table.columns.find(({ name }) => name === column)?.type ?? "text";
}

async function hasRow(
  connection: Connection,
  table: string,
  columns: readonly string[],
  values: readonly (readonly [value: string | null | undefined, type: string])[],
): Promise<boolean> {
  const where = columns.map((column, index) => `t.${quoteIdentifier(column)} = $${index + 1}::${values[index]?.[1]}`);
  const rows = await connection.query(
    `select 1 from ${table} as t where ${where.join(" and ")} limit 1`,
    values.map(([value]) => value ?? null),
  );
  return rows.length > 0;
}

function broken({ name, child, parent }: ForeignKey, row: Row): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The repair cannot be undone: the foreign key ${name} would be broken.`,
    why: `A row of ${child} would refer to none of ${parent}: ${JSON.stringify(row)}. Nothing was undone.`,
    next: "Put the rows right by hand; the before-image holds each as it was.",
    details: { table: child },
  });
}

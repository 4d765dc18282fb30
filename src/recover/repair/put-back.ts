import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { quoteIdentifier } from "../sql.ts";
import { keyOf, type Row, type Table } from "./tables.ts";

type ImagedTable = Pick<Table, "name" | "columns" | "key">;

/** What a repair has changed in one table. */
export type Changes = Readonly<{ table: ImagedTable; before: Row[]; after: Row[] }>;

/**
 * Makes every row again what it was before a repair; within the transaction that is open. A row that is not as the repair
 * left it is not overwritten: throws REFUSED. Of a row that is there still, only the columns that the repair changed are
 * set: the others may be generated, or not this role's to write.
 */
export async function putBack(connection: Connection, changes: readonly Changes[]): Promise<number> {
  await connection.query("set constraints all deferred");
  const ordered = await parentsFirst(connection, changes);
  let restored = 0;
  for (const { table, before, after } of ordered.toReversed()) {
    const kept = new Set(before.flatMap((row) => keyOf(table, row) ?? []));
    for (const row of after) if (!kept.has(keyOf(table, row) ?? "")) restored += await remove(connection, table, row);
  }
  for (const { table, before, after } of ordered) {
    const now = new Map(after.map((row) => [keyOf(table, row) ?? "", row]));
    for (const row of before) {
      const changed = table.key.length === 0 ? undefined : now.get(keyOf(table, row) ?? "");
      restored += changed ? await change(connection, table, changed, row) : await insert(connection, table, row);
    }
  }
  await connection.query("set constraints all immediate");
  return restored;
}

async function remove(connection: Connection, table: ImagedTable, row: Row): Promise<number> {
  const { text, values } = sameRow(table, row, 0);
  const rows = await connection.query(
    `delete from only ${table.name} as t where t.ctid = (select t.ctid ${text} limit 1 for update) returning 1`,
    values,
  );
  if (rows.length !== 1) throw notAsLeft(table, row);
  return 1;
}

async function change(connection: Connection, table: ImagedTable, from: Row, to: Row): Promise<number> {
  const columns = table.columns.filter(({ name, generated }) => !generated && from[name] !== to[name]);
  if (columns.length === 0) {
    if (!(await isThere(connection, table, from))) throw notAsLeft(table, from);
    return 0;
  }
  const set = columns.map(({ name, type }, index) => `${quoteIdentifier(name)} = $${index + 1}::${type}`);
  const { text, values } = sameRow(table, from, columns.length);
  const rows = await connection.query(
    `update only ${table.name} as t set ${set.join(", ")} where t.ctid = (select t.ctid ${text} limit 1 for update) returning 1`,
    [...columns.map(({ name }) => to[name] ?? null), ...values],
  );
  if (rows.length !== 1) throw notAsLeft(table, from);
  return 1;
}

async function insert(connection: Connection, table: ImagedTable, row: Row): Promise<number> {
  const columns = table.columns.filter(({ generated }) => !generated);
  // `overriding system value`: a key that is generated always is put back as it was.
  await connection.query(
    `insert into ${table.name} (${columns.map(({ name }) => quoteIdentifier(name)).join(", ")}) overriding system value
      values (${columns.map(({ type }, index) => `$${index + 1}::${type}`).join(", ")})`,
    columns.map(({ name }) => row[name] ?? null),
  );
  return 1;
}

/** Is a row with all these values there now? */
export async function isThere(connection: Connection, table: ImagedTable, row: Row): Promise<boolean> {
  const { text, values } = sameRow(table, row, 0);
  return (await connection.query(`select 1 ${text} limit 1`, values)).length === 1;
}

/** `from … where …` for the row whose columns all have these texts; by the primary key first, so that it is quick. */
function sameRow(table: ImagedTable, row: Row, used: number): { text: string; values: (string | null)[] } {
  const values: (string | null)[] = [];
  const bind = (value: string | null | undefined) => `$${used + values.push(value ?? null)}`;
  const byKey = table.key.map((column) => {
    const type = table.columns.find(({ name }) => name === column)?.type ?? "text";
    return `t.${quoteIdentifier(column)} = ${bind(row[column])}::${type}`;
  });
  const byText = table.columns.map(({ name }) => {
    const column = `t.${quoteIdentifier(name)}`;
    return `(case when num_nulls(${column}) = 1 then null else format('%s', ${column}) end) is not distinct from ${bind(row[name])}::text`;
  });
  return { text: `from only ${table.name} as t where ${[...byKey, ...byText].join(" and ")}`, values };
}

/** Tables that others refer to come first. Cycles are left as they come: deferred constraints, or without triggers. */
async function parentsFirst(connection: Connection, changes: readonly Changes[]): Promise<readonly Changes[]> {
  const edges = await connection.query<{ child: string; parent: string }>(
    `select format('"%s"."%s"', replace(cn.nspname, '"', '""'), replace(c.relname, '"', '""')) as child,
        format('"%s"."%s"', replace(pn.nspname, '"', '""'), replace(p.relname, '"', '""')) as parent
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace cn on cn.oid = c.relnamespace
       join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace where k.contype = 'f'`,
  );
  const ordered: Changes[] = [];
  const visiting = new Set<string>();
  const visit = (each: Changes) => {
    if (visiting.has(each.table.name)) return;
    visiting.add(each.table.name);
    for (const { child, parent } of edges)
      if (child === each.table.name) for (const other of changes) if (other.table.name === parent) visit(other);
    ordered.push(each);
  };
  for (const each of changes) visit(each);
  return ordered;
}

export function notAsLeft(table: Pick<Table, "name">, row: Row): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The repair cannot be undone: a row of ${table.name} is not as the repair left it.`,
    why: `It was changed since, or a trigger or a rule changes it: ${JSON.stringify(row)}. Nothing was undone.`,
    next: "Put the rows right by hand; the before-image holds each as it was.",
    details: { table: table.name },
  });
}

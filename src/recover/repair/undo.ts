import { BlackstartError } from "../../base/error.ts";
import { systemClock } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { quoteIdentifier } from "../sql.ts";
import { type BeforeImageHeader, readBeforeImage, writeBeforeImage } from "./before-image.ts";
import { assignedXid, makeXidDurable, serverIdentity } from "./proof.ts";
import { keyOf, type Row, type Table, textSettings } from "./tables.ts";

export type UndoReport = Readonly<{
  restored: number;
  /** `replica`: triggers and foreign keys did not fire while it was undone. */
  mode: "normal" | "replica";
}>;

/** How it is made sure that it can be told afterwards whether the undoing was committed. */
export type UndoProof = Readonly<{
  /** Another connection to the same server. */
  observer: Connection;
  /** The undoing's own before-image. */
  file: string;
  /** Called right before the commit. */
  assertHeld(): Promise<void>;
}>;

type Image = Readonly<{ header: BeforeImageHeader; changes: readonly Changes[] }>;
type ImagedTable = Pick<Table, "name" | "columns" | "key">;
type Changes = { table: ImagedTable; before: Row[]; after: Row[] };

/**
 * Makes every row again what it was before a repair, in one transaction. A row that was changed since is not
 * overwritten: the undo is refused as a whole.
 *
 * Triggers and foreign keys stay on at first. Where they get in the way (the effects of triggers are in the image as
 * well, and would come twice), it is tried again without them, if the role may.
 */
export async function undoRepair(connection: Connection, file: string, proof: UndoProof): Promise<UndoReport> {
  const image = await loadImage(file);
  try {
    return await undoOnce(connection, image, proof, "normal");
  } catch (error) {
    if (!(error instanceof BlackstartError) || error.code === "UNREACHABLE") throw error;
    if (!(await mayReplica(connection))) throw error;
    return await undoOnce(connection, image, proof, "replica");
  }
}

async function loadImage(file: string): Promise<Image> {
  const tables = new Map<string, Changes>();
  let header: BeforeImageHeader | undefined;
  for await (const line of readBeforeImage(file)) {
    if (line.kind === "repair") {
      header = line;
      for (const table of line.tables) tables.set(table.name, { table, before: [], after: [] });
    } else if (line.kind === "before" || line.kind === "after") tables.get(line.table)?.[line.kind].push(line.row);
  }
  if (header === undefined) throw new Error(`${file} has no header`);
  return { header, changes: [...tables.values()].filter(({ before, after }) => before.length + after.length > 0) };
}

/** What the undoing changes is what the repair changed, the other way round. */
async function keepProof(connection: Connection, { header, changes }: Image, proof: UndoProof): Promise<void> {
  const writer = await writeBeforeImage(proof.file);
  try {
    const xid = (await assignedXid(connection)) ?? "";
    await writer.write({ ...header, ...(await serverIdentity(connection)), at: systemClock.now(), xid });
    for (const { table, before, after } of changes) {
      for (const row of after) await writer.write({ kind: "before", table: table.name, row });
      for (const row of before) await writer.write({ kind: "after", table: table.name, row });
    }
    await makeXidDurable(proof.observer, header.plan);
    await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

async function undoOnce(
  connection: Connection,
  image: Image,
  proof: UndoProof,
  mode: UndoReport["mode"],
): Promise<UndoReport> {
  await connection.query("begin");
  try {
    await connection.query(`set local lock_timeout = '5s'; ${textSettings}; set constraints all deferred`);
    if (mode === "replica") await connection.query("set local session_replication_role = replica");
    const ordered = await parentsFirst(connection, image.changes);
    let restored = 0;
    for (const { table, before, after } of ordered.toReversed()) {
      const kept = keysOf(table, before);
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
    // A trigger may have changed what was just put back.
    for (const { table, before } of ordered)
      for (const row of before) if (!(await isThere(connection, table, row))) throw changedSince(table, row);
    await keepProof(connection, image, proof);
    await proof.assertHeld();
    await connection.query("commit");
    return { restored, mode };
  } finally {
    // After the commit there is nothing to roll back; if the connection is gone, so is the transaction.
    await connection.query("rollback").catch(() => undefined);
  }
}

function keysOf(table: ImagedTable, rows: readonly Row[]): ReadonlySet<string> {
  return new Set(rows.flatMap((row) => keyOf(table, row) ?? []));
}

async function remove(connection: Connection, table: ImagedTable, row: Row): Promise<number> {
  const { text, values } = sameRow(table, row, 0);
  const rows = await connection.query(
    `delete from only ${table.name} as t where t.ctid = (select t.ctid ${text} limit 1 for update) returning 1`,
    values,
  );
  if (rows.length !== 1) throw changedSince(table, row);
  return 1;
}

async function change(connection: Connection, table: ImagedTable, from: Row, to: Row): Promise<number> {
  const columns = table.columns.filter(({ generated }) => !generated);
  const set = columns.map(({ name, type }, index) => `${quoteIdentifier(name)} = $${index + 1}::${type}`);
  const { text, values } = sameRow(table, from, columns.length);
  const rows = await connection.query(
    `update only ${table.name} as t set ${set.join(", ")} where t.ctid = (select t.ctid ${text} limit 1 for update) returning 1`,
    [...columns.map(({ name }) => to[name] ?? null), ...values],
  );
  if (rows.length !== 1) throw changedSince(table, from);
  return 1;
}

async function insert(connection: Connection, table: ImagedTable, row: Row): Promise<number> {
  const columns = table.columns.filter(({ generated }) => !generated);
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

/** Tables that others refer to come first. Cycles are left as they come: deferred constraints, or the second mode. */
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

async function mayReplica(connection: Connection): Promise<boolean> {
  const [row] = await connection.query<{ may: boolean }>(
    "select rolsuper as may from pg_roles where rolname = current_user",
  );
  return row?.may === true;
}

function changedSince(table: ImagedTable, row: Row): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: `The repair cannot be undone: a row of ${table.name} is not as the repair left it.`,
    why: `It was changed since, or a trigger changes it: ${JSON.stringify(row)}. Nothing was undone.`,
    next: "Put the rows right by hand; the before-image holds each as it was.",
  });
}

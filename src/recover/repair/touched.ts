import type { Connection } from "../../drivers/postgres/connection.ts";
import { describeTables, type Table } from "./tables.ts";

/** What the statistics count for one table within the transaction. */
export type Counts = Readonly<{ inserted: number; updated: number; deleted: number }>;

export type TouchedTable = Readonly<{
  table: Table;
  counted: Counts;
  /** The repair holds it so exclusively (TRUNCATE, LOCK) that nobody else can read it. */
  exclusive: boolean;
}>;

export type Touched = Readonly<{
  tables: readonly TouchedTable[];
  /** Changes of which no image can be kept; one sentence each. */
  doubts: readonly string[];
}>;

export type CountsByTable = ReadonlyMap<string, Counts & { catalog: boolean }>;

/**
 * What the transaction has counted so far. Counts of an earlier transaction of the same session may still be in it
 * (they are handed over to the shared statistics at most once a second), so it is read before and after.
 */
export async function readCounts(connection: Connection): Promise<CountsByTable> {
  const rows = await connection.query<Record<string, string | boolean>>(
    `select relid::text as oid, n_tup_ins::text as ins, n_tup_upd::text as upd, n_tup_del::text as del,
        schemaname = 'pg_catalog' as catalog
       from pg_stat_xact_all_tables where schemaname not like 'pg\\_toast%' and n_tup_ins + n_tup_upd + n_tup_del > 0`,
    [],
    { timeoutMs: 30_000 },
  );
  return new Map(
    rows.map((row) => [
      String(row.oid),
      { inserted: Number(row.ins), updated: Number(row.upd), deleted: Number(row.del), catalog: row.catalog === true },
    ]),
  );
}

/**
 * Which tables this transaction has changed, whoever did it: its own statements, triggers, foreign keys, functions.
 * Two independent sources: the statistics of the transaction, and the locks that every change takes and keeps.
 */
export async function touchedTables(connection: Connection, before: CountsByTable): Promise<Touched> {
  const doubts: string[] = [];
  const after = await readCounts(connection);
  const [setting] = await connection.query<{ on: boolean }>("select current_setting('track_counts')::bool as on");
  if (setting?.on !== true) doubts.push("track_counts is off: what was changed cannot be counted a second way.");

  const counted = new Map<string, Counts>();
  for (const [oid, now] of after) {
    const then = before.get(oid);
    const change = {
      inserted: now.inserted - (then?.inserted ?? 0),
      updated: now.updated - (then?.updated ?? 0),
      deleted: now.deleted - (then?.deleted ?? 0),
    };
    if (change.inserted + change.updated + change.deleted === 0) continue;
    if (now.catalog) {
      const name = await nameOf(connection, oid);
      doubts.push(`The system catalogue ${name} was changed (DDL, TRUNCATE, a large object or a temporary table).`);
    } else counted.set(oid, change);
  }

  const locked = await connection.query<{
    oid: string;
    kind: string;
    persistence: string;
    name: string;
    exclusive: boolean;
  }>(
    `select c.oid::text, c.relkind as kind, c.relpersistence as persistence, c.oid::regclass::text as name,
        bool_or(l.mode = 'AccessExclusiveLock') as exclusive
       from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
      where l.pid = pg_backend_pid() and l.locktype = 'relation' and c.relkind in ('r', 'm', 'f')
        and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        and n.nspname not in ('pg_catalog', 'pg_toast') group by c.oid`,
    [],
    { timeoutMs: 30_000 },
  );
  for (const { kind, name } of locked)
    if (kind === "f") doubts.push(`The foreign table ${name} may have been changed: its rows cannot be kept.`);
  const exclusive = new Set(locked.filter((each) => each.exclusive).map(({ oid }) => oid));
  const ownTables = locked.filter(({ kind, persistence }) => kind !== "f" && persistence !== "t").map(({ oid }) => oid);
  const tables = await describeTables(connection, [...new Set([...ownTables, ...counted.keys()])]);
  return {
    tables: tables.map((table) => ({
      table,
      counted: counted.get(table.oid) ?? { inserted: 0, updated: 0, deleted: 0 },
      exclusive: exclusive.has(table.oid),
    })),
    doubts,
  };
}

async function nameOf(connection: Connection, oid: string): Promise<string> {
  const [row] = await connection.query<{ name: string }>("select $1::oid::regclass::text as name", [oid]);
  return row?.name ?? oid;
}

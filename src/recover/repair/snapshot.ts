import type { Connection } from "../../drivers/postgres/connection.ts";
import { textSettings } from "./tables.ts";

/**
 * Begins a transaction on each. Both see the same world; the first has no xid yet, so whatever it writes is younger than
 * that, and the second goes on seeing what was there before it.
 */
export async function beginBoth(
  writing: Connection,
  observer: Connection,
  { timeoutMs, lockTimeoutMs }: Readonly<{ timeoutMs: number; lockTimeoutMs: number }>,
): Promise<{ xmax: string }> {
  const limits =
    `set local statement_timeout = ${timeoutMs}; set local idle_in_transaction_session_timeout = ${2 * timeoutMs}; ` +
    `set local lock_timeout = ${lockTimeoutMs}; ${textSettings}`;
  await writing.query("begin isolation level repeatable read read write");
  const [row] = await writing.query<{ snapshot: string; xmax: string }>(
    "select pg_export_snapshot() as snapshot, pg_snapshot_xmax(pg_current_snapshot())::text as xmax",
  );
  if (row === undefined) throw new Error("pg_export_snapshot answered nothing");
  await observer.query("begin isolation level repeatable read read only");
  await observer.query(`set transaction snapshot '${row.snapshot.replaceAll("'", "''")}'`);
  await observer.query(limits);
  await writing.query(limits);
  return { xmax: row.xmax };
}

import { BlackstartError } from "../../base/error.ts";
import type { ConnectOptions, Connection } from "./connection.ts";
import { type Ancestor, parseHistory, type WalEnd } from "./history.ts";
import { type Lsn, lsnAhead, lsnBytes } from "./lsn.ts";

/** Opens a connection to the server in question. */
export type Open = (options: ConnectOptions) => Promise<Connection>;

/**
 * Asks a running server where its WAL ends, and on which line of history. Changes nothing.
 *
 * IDENTIFY_SYSTEM answers on a standby with the timeline that it replays and how far it holds WAL of that (walsender.c,
 * GetStandbyFlushRecPtr), also when nothing streams to it. No SQL function tells that: pg_control is only as new as the
 * last restartpoint, and the files in pg_wal may be the leftovers of another branch. A walsender that is connected to a
 * database passes the same lines of pg_hba.conf as we do; it needs REPLICATION or a superuser, and a free walsender.
 *
 * Where that is denied, what SQL says, and no history where a standby may be on a newer timeline than SQL can tell.
 * Throws UNREACHABLE or QUERY_FAILED.
 */
export async function askWalEnd(open: Open, options: ConnectOptions = {}): Promise<WalEnd> {
  try {
    return await using(await open({ ...options, replication: true }), identified);
  } catch (error) {
    if (!isDenied(error)) throw error;
    return using(await open(options), bySql);
  }
}

/** 42501: no REPLICATION; 53300: no free walsender (or connection); 28000: pg_hba.conf; 55000: max_wal_senders = 0. */
const deniedStates: ReadonlySet<unknown> = new Set(["42501", "53300", "28000", "55000"]);

function isDenied(error: unknown): boolean {
  return error instanceof BlackstartError && deniedStates.has(error.details.sqlstate);
}

async function using<T>(connection: Connection, work: (connection: Connection) => Promise<T>): Promise<T> {
  try {
    return await work(connection);
  } finally {
    // Nobody waits for the goodbye.
    void connection.close();
  }
}

async function identified(connection: Connection): Promise<WalEnd> {
  const [row] = await connection.query<{ timeline: number; xlogpos: Lsn }>("IDENTIFY_SYSTEM", simple);
  if (row === undefined) throw new Error("IDENTIFY_SYSTEM answers with one row");
  const end = { timelineId: Number(row.timeline), lsn: row.xlogpos };
  if (end.timelineId === 1) return { ...end, ancestors: [] };
  const [history] = await connection.query<{ content: Buffer | string }>(`TIMELINE_HISTORY ${end.timelineId}`, simple);
  return withOrigin(connection, { ...end, ancestors: parseHistory(String(history?.content ?? "")) });
}

/** The replication protocol knows no parameters. */
const simple: readonly [] = [];

const sqlQuery = `
select case when pg_is_in_recovery()
  then coalesce((select received_tli from pg_stat_wal_receiver where pid is not null),
    greatest((select min_recovery_end_timeline from pg_control_recovery()),
      (select timeline_id from pg_control_checkpoint())))
  else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end as timeline,
case when pg_is_in_recovery()
  then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(),
    (select min_recovery_end_lsn from pg_control_recovery()),
    (select checkpoint_lsn from pg_control_checkpoint()))
  else pg_current_wal_flush_lsn() end::text as lsn,
pg_is_in_recovery() and not exists (select from pg_stat_wal_receiver where pid is not null) as alone,
has_function_privilege('pg_catalog.pg_read_file(text,bigint,bigint,boolean)', 'execute') as reads`;

async function bySql(connection: Connection): Promise<WalEnd> {
  const [row] = await connection.query<{ timeline: number; lsn: Lsn; alone: boolean; reads: boolean }>(sqlQuery);
  if (row === undefined) throw new Error("a query without FROM answers with one row");
  const end = { timelineId: row.timeline, lsn: row.lsn };
  const newest = row.alone ? await newestHistory(connection) : 0;
  // What it has received is known; whether on this timeline or already on that one, only its walsender could tell.
  if (newest > end.timelineId) return { ...end, timelineId: newest, ancestors: undefined };
  if (end.timelineId === 1) return { ...end, ancestors: [] };
  const ancestors = row.reads ? await historyFile(connection, end.timelineId) : undefined;
  return withOrigin(connection, { ...end, ancestors });
}

/** A standby fetches the history of a timeline before it follows to it, and its pg_control knows of that only later. */
async function newestHistory(connection: Connection): Promise<number> {
  const [row] = await connection.query<{ newest: string | null }>(
    "select max(left(name, 8)) as newest from pg_ls_waldir() where name ~ '^[0-9A-F]{8}[.]history$'",
  );
  return Number.parseInt(row?.newest ?? "0", 16);
}

async function historyFile(connection: Connection, timelineId: number): Promise<readonly Ancestor[] | undefined> {
  const name = `pg_wal/${hex(timelineId)}.history`;
  const [row] = await connection.query<{ content: string | null }>(
    "select pg_read_file($1, 0, 1048576, true) as content",
    [name],
  );
  return row?.content == null ? undefined : parseHistory(row.content);
}

/** A record of a promotion and its time and checksum are no longer, from 13 to 18 (xl_end_of_recovery, CheckPoint). */
const originBytes = 64;

/** As `WalEnd.origin` says; left out where we may not read the file, or it is recycled, or not so much is there yet. */
async function withOrigin(connection: Connection, end: WalEnd): Promise<WalEnd> {
  const begin = end.ancestors?.at(-1)?.endLsn;
  if (begin === undefined || lsnAhead(end.lsn, begin) < originBytes) return end;
  try {
    const [size] = await connection.query<{ bytes: string }>(
      "select pg_size_bytes(current_setting('wal_segment_size'))::text as bytes",
      simple,
    );
    const segmentBytes = BigInt(size?.bytes ?? 0);
    const at = lsnBytes(begin);
    const file = `pg_wal/${segmentName(end.timelineId, at, segmentBytes)}`;
    const [row] = await connection.query<{ origin: string | null }>(
      `select encode(pg_read_binary_file('${file}', ${at % segmentBytes}, ${originBytes}, true), 'hex') as origin`,
      simple,
    );
    const origin = row?.origin ?? "";
    return origin.length === 2 * originBytes ? { ...end, origin } : end;
  } catch (error) {
    if (error instanceof BlackstartError && error.code === "QUERY_FAILED") return end;
    throw error;
  }
}

function segmentName(timelineId: number, at: bigint, segmentBytes: bigint): string {
  const number = at / segmentBytes;
  const perId = 0x1_0000_0000n / segmentBytes;
  return `${hex(timelineId)}${hex(number / perId)}${hex(number % perId)}`;
}

function hex(value: number | bigint): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}

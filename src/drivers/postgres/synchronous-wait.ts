import { delay } from "../../base/time.ts";
import type { Connection } from "./connection.ts";
import { type Lsn, lsnAhead } from "./lsn.ts";
import { parseSynchronousNames } from "./synchronous-names.ts";

/*
 * Whether commits hang for want of a confirmation, over two looks. A standby may stream and confirm nothing: halted, or
 * with a replay that is paused or waits for a query, where a commit waits for the replay (remote_apply).
 */

export type WaitLook = Readonly<{
  /** Written by the primary. */
  lsn: Lsn;
  synchronousStandbyNames: string;
  /** Sessions that wait in a commit for a synchronous standby. */
  synchronousWaiters: number;
  /** The oldest of these commits, by its transaction; null: not to be seen. */
  oldestWaiter: string | null;
  senders: readonly WaitSender[];
}>;

type WaitSender = Readonly<{
  applicationName: string | null;
  clientAddress: string | null;
  state: string | null;
  syncState: string | null;
  flushLsn: Lsn | null;
  replayLsn: Lsn | null;
}>;

/** For json_build_object, beside `standby`. */
export const waiterFields = `
  'synchronousWaiters', case when current_setting('synchronous_standby_names') = '' or standby then 0
    else (select count(*) from pg_stat_activity where wait_event = 'SyncRep') end,
  'oldestWaiter', case when current_setting('synchronous_standby_names') <> '' and not standby then
    (select pid || ' ' || backend_xid from pg_stat_activity where wait_event = 'SyncRep'
      order by age(backend_xid) desc nulls last limit 1) end`;

const lookQuery = `
select json_build_object(${waiterFields},
  'lsn', case when not standby then pg_current_wal_lsn() end,
  'synchronousStandbyNames', current_setting('synchronous_standby_names'),
  'senders', (select coalesce(json_agg(json_build_object('applicationName', application_name,
    'clientAddress', host(client_addr), 'state', state, 'syncState', sync_state, 'flushLsn', flush_lsn,
    'replayLsn', replay_lsn)), '[]') from pg_stat_replication)
) as look from (select pg_is_in_recovery() as standby) r`;

/** @property confirming the names of those that stream and do confirm */
export type Stall = Readonly<{ confirming: readonly string[] }>;

/**
 * Undefined: nobody waits at both looks, or enough of those confirm for whom commits wait. For which confirmation a session
 * waits is not to be seen: that of the replay counts where one and the same commit has waited since the first look. Pure.
 */
export function stallOf(before: WaitLook, now: WaitLook): Stall | undefined {
  if (before.synchronousWaiters === 0 || now.synchronousWaiters === 0) return undefined;
  const hasWaited = now.oldestWaiter !== null && now.oldestWaiter === before.oldestWaiter;
  for (const column of hasWaited ? (["flushLsn", "replayLsn"] as const) : (["flushLsn"] as const)) {
    const confirming = now.senders.filter((sender) => confirms(sender, column, before, now));
    if (confirming.filter(isWaitedFor).length < neededFor(now)) return { confirming: confirming.map(nameOf) };
  }
  return undefined;
}

/** Two looks, where somebody waits at the first one. */
export async function askStall(connection: Connection, signal?: AbortSignal): Promise<Stall | undefined> {
  const before = await askLook(connection);
  if (before.synchronousWaiters === 0) return undefined;
  await delay(apartMs, signal);
  return stallOf(before, await askLook(connection));
}

const apartMs = 1000;

async function askLook(connection: Connection): Promise<WaitLook> {
  const [row] = await connection.query<{ look: WaitLook }>(lookQuery);
  if (row === undefined) throw new Error("a query without FROM answers with one row");
  return row.look;
}

/** It moves, or has all that there was at the first look. */
function confirms(sender: WaitSender, column: "flushLsn" | "replayLsn", before: WaitLook, now: WaitLook): boolean {
  const lsn = sender[column];
  if (lsn === null || sender.state === "backup") return false;
  const isSame = (one: WaitSender) => nameOf(one) === nameOf(sender) && one.clientAddress === sender.clientAddress;
  const moves = !before.senders.some((one) => isSame(one) && one[column] === lsn);
  if (moves || lsnAhead(lsn, before.lsn) >= 0) return true;
  // Of what it has replayed a standby tells seldom. One that has more than those that hold commits up is not held up itself.
  if (column === "flushLsn" || isWaitedFor(sender)) return false;
  return now.senders.filter(isWaitedFor).every((one) => one.replayLsn === null || lsnAhead(lsn, one.replayLsn) > 0);
}

/** One that catches up does not count yet; commits go on when it is there. */
function isWaitedFor({ state, syncState }: WaitSender): boolean {
  return syncState === "sync" || syncState === "quorum" || (syncState === "potential" && state !== "streaming");
}

function neededFor({ synchronousStandbyNames }: WaitLook): number {
  try {
    return parseSynchronousNames(synchronousStandbyNames)?.count ?? 1;
  } catch (error) {
    if (error instanceof SyntaxError) return 1; // Of a newer grammar.
    throw error;
  }
}

function nameOf({ applicationName }: WaitSender): string {
  return applicationName ?? "";
}

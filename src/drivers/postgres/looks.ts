import { delay } from "../../base/time.ts";
import type { Connection } from "./connection.ts";
import { type Following, following, keepsUp, type PrimaryLook, type StandbyLook } from "./following.ts";
import { askWalEnd, type Open } from "./wal-end.ts";

/** One server: a connection for many questions, and the way to a new one; of a primary, see `PrimaryLook`. */
export type Asked = Readonly<{ connection: Connection; open: Open; addresses?: readonly string[] }>;

/** What one look tells of any server; `sender`: `host:port` from which it streams. */
export type Look = StandbyLook & Readonly<{ role: "primary" | "standby"; sender: string | null }>;

export async function lookAt(connection: Connection): Promise<Look> {
  const [row] = await connection.query<{ look: Look }>(lookQuery);
  if (row === undefined) throw new Error("a query without FROM answers with one row");
  return row.look;
}

/** Clients wait for a standby that is about to connect; one that takes longer is not asked so often. */
const pauseMs = 2;
const laterPauseMs = 20;
/** Their histories are asked only of one that does not follow at once: it takes two new connections. */
const soonMs = 250;
const historyEveryMs = 1000;

/**
 * Looks until the standby keeps up with the primary, cannot ever, or the time is over; answers with how it is then. Both
 * connections have to last. A standby that catches up is waited for as well, as long as there is time.
 * Throws UNREACHABLE or QUERY_FAILED.
 */
export async function untilItFollows(
  standby: Asked,
  primary: Asked,
  options: Readonly<{ timeoutMs: number; signal?: AbortSignal }>,
): Promise<Following> {
  const beginMs = performance.now();
  let historyAtMs = beginMs + Math.min(soonMs, options.timeoutMs / 2);
  let first: StandbyLook = await lookAt(standby.connection);
  const lookAtPrimary = async (): Promise<PrimaryLook> => {
    const look = await lookAt(primary.connection);
    return primary.addresses === undefined ? look : { ...look, addresses: primary.addresses };
  };
  let between = await lookAtPrimary();
  for (;;) {
    await delay(performance.now() - beginMs < soonMs ? pauseMs : laterPauseMs, options.signal);
    const second = await lookAt(standby.connection);
    const judged = following(first, between, second);
    if (isSettled(judged)) return judged;
    const nowMs = performance.now();
    if (nowMs - beginMs > options.timeoutMs) return judged;
    if (nowMs >= historyAtMs && !keepsUp(judged)) {
      historyAtMs = nowMs + historyEveryMs;
      const branched = await byHistory(standby, primary);
      if (branched !== undefined) return branched;
    }
    // What the primary had at first is what counts, however much it writes meanwhile.
    if (keepsUp(judged) || judged.kind === "replays-nothing" || judged.kind === "receives-nothing") continue;
    first = second;
    between = await lookAtPrimary();
  }
}

/** `diverged`, where the two histories say so, whatever either says of streaming; undefined where they do not. */
export async function byHistory(standby: Asked, primary: Asked): Promise<Following | undefined> {
  const [first, end] = [await lookAt(standby.connection), await askWalEnd(standby.open)];
  const between = { ...(await lookAt(primary.connection)), end: await askWalEnd(primary.open) };
  const judged = following({ ...first, end }, between, first);
  return judged.kind === "diverged" ? judged : undefined;
}

/** More looks would change nothing. */
function isSettled({ kind }: Following): boolean {
  switch (kind) {
    case "follows":
    case "replay-paused":
    case "delayed":
    case "asks-later":
    case "diverged":
    case "follows-nobody":
    case "archive-only":
      return true;
    case "catching-up":
    case "replays-nothing":
    case "receives-nothing":
    case "not-connected":
    case "unknown":
      return false;
  }
}

/**
 * What a look at a server tells, for json_build_object; see `StandbyLook`. Needs `standby` (in recovery), `w` (its row of
 * pg_stat_wal_receiver, or nulls) and `i.conninfo`, its primary_conninfo: null where it may not be seen.
 *
 * - A primary's timeline is the one it writes on. `pg_control_checkpoint` lags behind a promotion until the next
 *   checkpoint, and on a standby behind the switch to a new timeline; so a standby's is the newest that it knows of.
 * - A standby that was started anew counts what it received from the start of the segment it asked for, which lies before
 *   what it has replayed: it has the greater of the two.
 */
export const lookFields = `
  'role', case when standby then 'standby' else 'primary' end,
  'timelineId', case
    when standby then greatest(
      w.received_tli,
      (select timeline_id from pg_control_checkpoint()),
      (select min_recovery_end_timeline from pg_control_recovery()))
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
  'lsn', case
    when standby then coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')
    else pg_current_wal_lsn() end,
  'replayedLsn', case when standby then pg_last_wal_replay_lsn() end,
  'replayPaused', case when standby then pg_is_wal_replay_paused() else false end,
  'applyDelayMs', case when standby
    then extract(epoch from current_setting('recovery_min_apply_delay')::interval) * 1000 else 0 end,
  'replayWaits', case
    when not standby then false
    when pg_is_wal_replay_paused() or current_setting('recovery_min_apply_delay')::interval > '0'::interval
    then exists (select from pg_stat_activity
      where backend_type = 'startup' and wait_event in ('RecoveryApplyDelay', 'RecoveryPause'))
    else false end,
  'wantsStreaming', case when standby then i.conninfo <> '' end,
  'aimedAt', case when standby and i.conninfo ~ 'host' then
    substring(i.conninfo from '\\mhost(?:addr)? *= *''?([^'' ]+)') || ':' ||
    coalesce(substring(i.conninfo from '\\mport *= *''?([0-9]+)'), '5432') end,
  'restores', case when standby then current_setting('restore_command') <> '' end,
  'timelineTarget', case when standby then current_setting('recovery_target_timeline') end`;

/**
 * The server's synchronous_commit; empty where our own role or database has one of its own: then a session of ours cannot
 * tell what the others have.
 */
export const synchronousCommit = `
(select case when exists (
    select from pg_db_role_setting s, unnest(s.setconfig) c
    where c like 'synchronous_commit=%' and (s.setrole, s.setdatabase) <> (0, 0)
      and s.setrole in (0, (select oid from pg_roles where rolname = session_user))
      and s.setdatabase in (0, (select oid from pg_database where datname = current_database())))
  then '' else current_setting('synchronous_commit') end)`;

/**
 * One row of pg_stat_wal_receiver, `w`, for json_build_object; see `ReceiverLook`. At its start a receiver sets both
 * times of a message to the same moment (walreceiver.c), and an idle primary sends none for half of wal_sender_timeout. But
 * the row shows only once it has connected, and one that is refused what it asks for ends at once.
 */
export const receiverFields = `
  'pid', w.pid,
  'startedAt', (select backend_start from pg_stat_activity a where a.pid = w.pid),
  'status', w.status,
  'timelineId', w.received_tli,
  'heard', w.last_msg_send_time <> w.last_msg_receipt_time
    or (select backend_start < clock_timestamp() - interval '2 s' from pg_stat_activity a where a.pid = w.pid),
  'senderHost', w.sender_host,
  'senderPort', w.sender_port`;

/**
 * primary_conninfo; null where it is not to be seen. `current_setting` raises an error for a setting that our role may not
 * see, the view leaves it out but is slow.
 */
export const conninfoField =
  "case when pg_has_role('pg_read_all_settings', 'usage') then current_setting('primary_conninfo') end";

const lookQuery = `
select json_build_object(${lookFields},
  'sender', w.sender_host || ':' || w.sender_port,
  'receiver', case when w.pid is not null then json_build_object(${receiverFields}) end
) as look
from (select pg_is_in_recovery() as standby) r
left join pg_stat_wal_receiver w on true
left join lateral (select ${conninfoField} as conninfo) i on true`;

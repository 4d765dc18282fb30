import type { Connection } from "../../drivers/postgres/connection.ts";
import {
  endsRecoveryInFiles,
  endsRecoveryInForce,
  recoveryTargetInForce,
  recoveryEndNames,
  readsFileSettings,
} from "../../drivers/postgres/recovery-settings.ts";

/** What a server that answers would not let a plan do, whatever our role may do there. */
export type Limits = Readonly<{
  /** `allow_alter_system` (17 and later): whether ALTER SYSTEM works at all. */
  altersSystem: boolean;
  /** Of the settings that plans change, those that the command line fixes: ALTER SYSTEM has no effect on them. */
  fixed: readonly string[];
  /** Lines of the configuration files that the server cannot use: a reload would take nothing of that file. */
  brokenLines: readonly string[];
  /** Where sessions may only read by default, and no role or database says so: the server's own default_transaction_read_only. */
  readOnly: boolean;
  /** Recovery targets and trigger files that are set: at its next start as a standby it would end its recovery by itself. */
  endsRecovery: readonly string[];
  /** The recovery target with which it runs, as `name = value`. */
  recoveryTarget: string | null;
  walSenders: Readonly<{ most: number; used: number }>;
  slots: Readonly<{ most: number; used: number }>;
}>;

/** Changed by steps of ours. */
const changed = `'synchronous_standby_names', 'primary_conninfo', 'primary_slot_name', ${recoveryEndNames}`;

/**
 * Asked over SQL, in one query; PostgreSQL 13 to 18. What the role may not see is not there. The configuration files may
 * say more than what is in force: both count, because the next start reads the files.
 */
export async function limitsOf(connection: Connection): Promise<Limits> {
  const [row] = await connection.query<Omit<Limits, "brokenLines"> & { readsFiles: boolean }>(limitsQuery);
  if (row === undefined) throw new Error("a query without FROM answers with one row");
  const { readsFiles, ...limits } = row;
  if (!readsFiles) return { ...limits, brokenLines: [] };
  const [files] = await connection.query<{ broken: string[]; ends: string[] }>(filesQuery);
  const ends = [...new Set([...limits.endsRecovery, ...(files?.ends ?? [])])];
  return { ...limits, endsRecovery: ends, brokenLines: files?.broken ?? [] };
}

const limitsQuery = `
select coalesce(current_setting('allow_alter_system', true), 'on') = 'on' as "altersSystem",
  (select coalesce(json_agg(name order by name), '[]') from pg_settings
    where name in (${changed}) and source = 'command line') as fixed,
  exists (select from pg_settings where name = 'default_transaction_read_only' and setting = 'on'
    and source in ('configuration file', 'command line', 'environment variable')) as "readOnly",
  ${endsRecoveryInForce} as "endsRecovery",
  ${recoveryTargetInForce} as "recoveryTarget",
  json_build_object('most', current_setting('max_wal_senders')::int,
    'used', (select count(*) from pg_stat_replication)) as "walSenders",
  json_build_object('most', current_setting('max_replication_slots')::int,
    'used', (select count(*) from pg_replication_slots)) as slots,
  ${readsFileSettings} as "readsFiles"`;

const filesQuery = `
select
  (select coalesce(json_agg(format('%s, line %s: %s: %s', sourcefile, sourceline, name, error) order by seqno), '[]')
    from pg_file_settings where error is not null and error <> 'setting could not be applied') as broken,
  ${endsRecoveryInFiles} as ends`;

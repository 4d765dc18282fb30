import type { Connection } from "../../drivers/postgres/connection.ts";
import { conninfoField, lookFields, receiverFields, synchronousCommit } from "../../drivers/postgres/looks.ts";
import { nameBySettings, nameInReceiver, namingOf } from "../../drivers/postgres/names.ts";
import { waiterFields } from "../../drivers/postgres/synchronous-wait.ts";
import type { NodeIdentity, Pulse } from "../facts.ts";

/**
 * The heartbeat: one small query that proves life and brings the role, the timeline, the position and the state of
 * replication with it, in about a millisecond of the server's time. PostgreSQL 13 to 18.
 */
export async function askPulse(connection: Connection, timeoutMs: number): Promise<Pulse> {
  const [row] = await connection.query<{ pulse: Pulse; own: Own }>(pulseQuery, [], { timeoutMs });
  if (row === undefined) throw new Error("the heartbeat's query gave no row");
  const { pulse, own } = row;
  const { primaryConninfo, clusterName, receiver } = own;
  const settings = { primaryConninfo: primaryConninfo ?? "", clusterName };
  const name = pulse.role === "standby" ? (nameInReceiver(receiver) ?? nameBySettings(settings)) : undefined;
  return {
    ...pulse,
    replicationName: name ?? null,
    naming: primaryConninfo === null ? null : namingOf(settings),
  };
}

/** By what it is named as a standby. May hold a password, and goes no further. */
type Own = Readonly<{ primaryConninfo: string | null; clusterName: string; receiver: string | null }>;

/** What does not change while a server runs, or seldom; asked when a connection is made. */
export async function askIdentity(connection: Connection, timeoutMs: number): Promise<NodeIdentity> {
  const rows = await connection.query<{ identity: NodeIdentity }>(identityQuery, [], { timeoutMs });
  const identity = rows[0]?.identity;
  if (identity === undefined) throw new Error("the identity query gave no row");
  return { ...identity, startedAt: new Date(identity.startedAt).toISOString() };
}

const pulseQuery = `
select json_build_object(${lookFields},
  'replayedAgeMs', case when standby
    then extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 end,
  'synchronousStandbyNames', current_setting('synchronous_standby_names'),
  'synchronousCommit', ${synchronousCommit},
  ${waiterFields},
  'senders', (select coalesce(json_agg(json_build_object(
      'applicationName', s.application_name, 'clientAddress', host(s.client_addr), 'state', s.state,
      'slotName', (select slot_name from pg_replication_slots where active_pid = s.pid),
      'connectedMs', extract(epoch from clock_timestamp() - s.backend_start) * 1000, 'syncState', s.sync_state, 'flushLsn', s.flush_lsn, 'replayLsn', s.replay_lsn)
      order by s.application_name, s.pid), '[]'::json) from pg_stat_replication s),
  'receiver', case when w.pid is null then null else json_build_object(${receiverFields}, 'slotName', w.slot_name,
      'lastMessageAgeMs', extract(epoch from clock_timestamp() - w.last_msg_receipt_time) * 1000) end
) as pulse,
json_build_object('primaryConninfo', i.conninfo, 'clusterName', current_setting('cluster_name'),
  'receiver', w.conninfo) as own
from (select pg_is_in_recovery() as standby) r
left join pg_stat_wal_receiver w on true
left join lateral (select ${conninfoField} as conninfo) i on true`;

const identityQuery = `
select json_build_object(
  'version', current_setting('server_version_num')::int,
  'systemIdentifier', (select system_identifier::text from pg_control_system()),
  'startedAt', pg_postmaster_start_time(),
  'dataDirectory', (select setting from pg_settings where name = 'data_directory'),
  'configFile', (select setting from pg_settings where name = 'config_file'),
  'monitors', pg_has_role(current_user, 'pg_monitor', 'usage')
) as identity`;

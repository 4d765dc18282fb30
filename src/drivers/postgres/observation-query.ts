import { lookFields, receiverFields, synchronousCommit } from "./looks.ts";

/**
 * Everything of a NodeObservation as one JSON object.
 *
 * - Settings come from the view, which leaves out what the user may not see, where `current_setting` would raise an error.
 * - Other users' rows of pg_stat_replication and pg_stat_wal_receiver are all null but for the pid without `pg_monitor`.
 */
export const observationQuery = `
with
  s as materialized (
    select coalesce(json_object_agg(name, setting), '{}') as v
    from pg_settings
    where name in ('synchronous_standby_names', 'primary_conninfo', 'cluster_name', 'data_directory',
      'config_file')
  ),
  role as materialized (select pg_is_in_recovery() as standby)
select json_build_object(${lookFields},
  'version', current_setting('server_version_num')::int,
  'systemIdentifier', (select system_identifier::text from pg_control_system()),
  'startedAt', to_char(pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'port', current_setting('port')::int,
  'settings', (select json_build_object(
    'synchronousStandbyNames', coalesce(v->>'synchronous_standby_names', ''),
    'synchronousCommit', ${synchronousCommit},
    'primaryConninfo', coalesce(v->>'primary_conninfo', ''),
    'clusterName', coalesce(v->>'cluster_name', ''),
    'dataDirectory', coalesce(v->>'data_directory', ''),
    'configFile', coalesce(v->>'config_file', '')) from s),
  'standbys', (select coalesce(json_agg(json_build_object(
    'applicationName', coalesce(application_name, ''),
    'clientAddress', host(client_addr),
    'slotName', (select slot_name from pg_replication_slots where active_pid = pid),
    'state', coalesce(state, 'unknown'),
    'syncState', coalesce(sync_state, 'unknown'),
    'sentLsn', sent_lsn,
    'flushLsn', flush_lsn,
    'replayLsn', replay_lsn) order by application_name, pid), '[]') from pg_stat_replication),
  'receivedLsn', case when standby then pg_last_wal_receive_lsn() end,
  'receiver', case when w.pid is not null
    then json_build_object(${receiverFields}, 'lastMessageAgeMs', extract(epoch from clock_timestamp() - w.last_msg_receipt_time) * 1000,
    'slotName', w.slot_name, 'name', w.conninfo) end
) as observation
from role
left join pg_stat_wal_receiver w on true
left join lateral (select v->>'primary_conninfo' as conninfo from s) i on true`;

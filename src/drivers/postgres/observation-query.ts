/**
 * How a standby replays and what it is told to follow, for json_build_object; see `StandbyLook`. `primary_conninfo` may
 * hold a password, and is to be seen by pg_monitor only: `conninfo` is an expression for it that is null otherwise.
 */
export const replayFields = (recovery: string, conninfo: string): string => `
  'replayPaused', case when ${recovery} then pg_is_wal_replay_paused() else false end,
  'applyDelayMs', case when ${recovery}
    then extract(epoch from current_setting('recovery_min_apply_delay')::interval) * 1000 else 0 end,
  'wantsStreaming', ${conninfo} <> '',
  'restores', case when ${recovery} then current_setting('restore_command') <> '' end`;

/**
 * One row of pg_stat_wal_receiver, `w`, for json_build_object; see `ReceiverLook`. At its start a receiver sets both
 * times of a message to the same moment (walreceiver.c).
 */
export const receiverFields = `
  'pid', w.pid,
  'startedAt', (select backend_start from pg_stat_activity a where a.pid = w.pid),
  'status', w.status,
  'timelineId', w.received_tli,
  'heard', w.last_msg_send_time <> w.last_msg_receipt_time,
  'senderHost', w.sender_host,
  'senderPort', w.sender_port`;

/**
 * Everything of a NodeObservation as one JSON object.
 *
 * - Settings come from the view, which leaves out what the user may not see, where `current_setting` would raise an error.
 * - A primary's timeline is the one it writes on. `pg_control_checkpoint` lags behind a promotion until the next
 *   checkpoint, and on a standby behind the switch to a new timeline; so a standby's is the newest that it knows of.
 * - A standby that was started anew counts what it received from the start of the segment it asked for, which lies before
 *   what it has replayed: it has the greater of the two.
 * - Other users' rows of pg_stat_replication and pg_stat_wal_receiver are all null but for the pid without `pg_monitor`.
 */
export const observationQuery = `
with
  s as materialized (
    select coalesce(json_object_agg(name, setting), '{}') as v
    from pg_settings
    where name in ('synchronous_standby_names', 'synchronous_commit', 'primary_conninfo', 'cluster_name', 'data_directory',
      'config_file')
  ),
  w as materialized (select * from pg_stat_wal_receiver where pid is not null),
  role as materialized (select pg_is_in_recovery() as standby)
select json_build_object(
  'role', case when standby then 'standby' else 'primary' end,
  'version', current_setting('server_version_num')::int,
  'systemIdentifier', (select system_identifier::text from pg_control_system()),
  'timelineId', case
    when standby then greatest(
      (select timeline_id from pg_control_checkpoint()),
      (select min_recovery_end_timeline from pg_control_recovery()),
      (select received_tli from w))
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
  'lsn', case
    when standby then coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')
    else pg_current_wal_lsn() end,
  'replayedLsn', case when standby then pg_last_wal_replay_lsn() end,
  ${replayFields("standby", "case when standby then (select v->>'primary_conninfo' from s) end")},
  'startedAt', to_char(pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'settings', (select json_build_object(
    'synchronousStandbyNames', coalesce(v->>'synchronous_standby_names', ''),
    'synchronousCommit', coalesce(v->>'synchronous_commit', ''),
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
  'receiver', (select json_build_object(${receiverFields},
    'slotName', w.slot_name,
    'name', w.conninfo) from w limit 1)
) as observation
from role`;

/** What kind of thing a PostgreSQL setting decides. */
export type SettingClass = "address" | "durability" | "failover" | "behaviour" | "size" | "cosmetic";

/**
 * By the name, and for what has no name in these lists by its form: a setting that a later version brings is
 * `behaviour`, between what decides over data and what does not matter. Pure.
 */
export function classOfSetting(name: string): SettingClass {
  if (address.has(name) || /^ssl_.*_(file|dir)$|^unix_socket_/.test(name)) return "address";
  if (durability.has(name)) return "durability";
  if (failover.has(name) || /^(recovery_|max_standby_|wal_receiver_|tcp_)|_timeout$/.test(name)) return "failover";
  if (size.has(name) || /_mem$|_buffers$|_size$|_cache_size$/.test(name)) return "size";
  if (cosmetic.has(name) || /^(log_|lc_|syslog_|debug_|trace_)/.test(name)) return "cosmetic";
  return "behaviour";
}

/** What must differ between two clusters: addresses, ports, paths, names. */
const address: ReadonlySet<string> = new Set([
  "bonjour_name",
  "cluster_name",
  "config_file",
  "data_directory",
  "external_pid_file",
  "hba_file",
  "ident_file",
  "krb_server_keyfile",
  "listen_addresses",
  "log_directory",
  "log_filename",
  "port",
  "promote_trigger_file",
  "stats_temp_directory",
]);

/** Whether an acknowledged commit survives, and whether what was written can be read again. */
const durability: ReadonlySet<string> = new Set([
  "archive_cleanup_command",
  "archive_command",
  "archive_library",
  "archive_mode",
  "archive_timeout",
  "checkpoint_flush_after",
  "commit_delay",
  "commit_siblings",
  "data_sync_retry",
  "fsync",
  "full_page_writes",
  "ignore_checksum_failure",
  "ignore_invalid_pages",
  "recovery_init_sync_method",
  "restore_command",
  "synchronous_commit",
  "synchronous_standby_names",
  "wal_level",
  "wal_log_hints",
  "wal_sync_method",
  "wal_writer_delay",
  "zero_damaged_pages",
]);

/** When a failure is noticed, who can follow, whether a standby starts. */
const failover: ReadonlySet<string> = new Set([
  "allow_in_place_tablespaces",
  "client_connection_check_interval",
  "hot_standby",
  "hot_standby_feedback",
  "max_connections",
  "max_locks_per_transaction",
  "max_logical_replication_workers",
  "max_prepared_transactions",
  "max_replication_slots",
  "max_slot_wal_keep_size",
  "max_wal_senders",
  "max_worker_processes",
  "primary_conninfo",
  "primary_slot_name",
  "remove_temp_files_after_crash",
  "reserved_connections",
  "restart_after_crash",
  "shared_preload_libraries",
  "ssl",
  "standby_slot_names",
  "superuser_reserved_connections",
  "sync_replication_slots",
  "synchronized_standby_slots",
  "track_commit_timestamp",
  "wal_keep_segments",
  "wal_keep_size",
  "wal_retrieve_retry_interval",
]);

const size: ReadonlySet<string> = new Set(["huge_pages", "huge_page_size", "temp_file_limit", "max_files_per_process"]);

const cosmetic: ReadonlySet<string> = new Set([
  "DateStyle",
  "IntervalStyle",
  "TimeZone",
  "application_name",
  "event_source",
  "logging_collector",
  "timezone_abbreviations",
  "update_process_title",
]);

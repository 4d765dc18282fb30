/*
 * Settings by which a server ends its recovery by itself: it promotes, pauses or shuts down where a standby would go on
 * following. A restore tool leaves them behind, and they wait for the day when the server is started as a standby.
 * Source: xlogrecovery.c; promote_trigger_file went in 16.
 */

export const recoveryEndNames =
  "'promote_trigger_file', 'recovery_target', 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time', 'recovery_target_xid'";

/** Those in force, as a JSON array of `name = value`. */
export const endsRecoveryInForce = `
(select coalesce(json_agg(name || ' = ' || setting order by name), '[]') from pg_settings
  where name in (${recoveryEndNames}) and setting <> '')`;

const targetNames = ["", "_lsn", "_name", "_time", "_xid"].map((kind) => `recovery_target${kind}`);

/** The recovery target that a server was started with, as `name = value`; null where it has none. */
export const recoveryTargetInForce = `
(select string_agg(name || ' = ' || setting, ', ' order by name) from pg_settings
  where name in (${targetNames.map((name) => `'${name}'`).join(", ")}) and setting <> '')`;

/** The same as yes or no, which takes no look at all settings. */
export const hasRecoveryTarget = `(${targetNames.map((name) => `current_setting('${name}')`).join(" || ")} <> '')`;

/**
 * Those that the configuration files say for the next start, the same way. For roles that may read pg_file_settings.
 * A value that a later line overrides is not said.
 */
export const endsRecoveryInFiles = `
(select coalesce(json_agg(name || ' = ' || setting order by name), '[]')
  from (select distinct on (name) name, setting from pg_file_settings where name is not null order by name, seqno desc) last
  where name in (${recoveryEndNames}) and setting <> '')`;

/** What it would do when it gets there, by its files: pause, promote or shutdown; null where they do not say. */
export const recoveryActionInFiles = `
(select setting from pg_file_settings where name = 'recovery_target_action' order by seqno desc limit 1)`;

/** Whether this role may read pg_file_settings. */
export const readsFileSettings = `
(has_table_privilege('pg_catalog.pg_file_settings', 'select')
  and has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'execute'))`;

/*
 * What is asked for a server's configuration; PostgreSQL 13 to 18. Each is one question, so that one that is refused (a
 * view for superusers, say) leaves the others.
 */

export type SettingRow = Readonly<{
  name: string;
  setting: string | null;
  unit: string | null;
  /** What it would be, were it set nowhere. */
  bootValue: string | null;
  source: string;
  context: string;
  file: string | null;
  line: number | null;
  pendingRestart: boolean;
}>;

export const settingsQuery = `
select name, setting, unit, boot_val as "bootValue", source, context, sourcefile as file, sourceline as line,
  pending_restart as "pendingRestart"
from pg_settings order by name`;

/** Settings with passwords and paths are shown to members only (documentation, “Predefined Roles”). */
export const seesAllQuery = "select pg_has_role('pg_read_all_settings', 'usage') as may";

export type RoleSettingRow = Readonly<{
  scope: "role" | "database" | "role in a database" | "all roles";
  name: string;
  value: string;
  count: number;
  /** False: nobody loaded defines it, so it may hold anything. */
  known: boolean;
}>;

export const roleSettingsQuery = `
select case
    when setdatabase <> 0 and setrole <> 0 then 'role in a database'
    when setdatabase <> 0 then 'database'
    when setrole <> 0 then 'role'
    else 'all roles' end as scope,
  split_part(entry, '=', 1) as name, substr(entry, strpos(entry, '=') + 1) as value, count(*)::int as count,
  exists (select from pg_settings where name = split_part(entry, '=', 1)) as known
from pg_db_role_setting, unnest(setconfig) as entry group by 1, 2, 3, 5 order by 2, 1, 3`;

export type AccessRow = Readonly<{
  type: string | null;
  databases: readonly string[] | null;
  users: readonly string[] | null;
  address: string | null;
  netmask: string | null;
  method: string | null;
  options: readonly string[] | null;
  error: string | null;
}>;

export const accessQuery = `
select type, database as databases, user_name as users, address, netmask, auth_method as method, options, error
from pg_hba_file_rules order by line_number`;

export type SlotRow = Readonly<{ name: string; kind: string; plugin: string | null; active: boolean; lost: boolean }>;

export const slotsQuery = `
select slot_name as name, slot_type as kind, plugin::text, active, coalesce(wal_status = 'lost', false) as lost
from pg_replication_slots where not temporary order by slot_name`;

export type DatabaseRow = Readonly<{
  encoding: string;
  collate: string;
  ctype: string;
  provider: string;
  locale: string | null;
  collationVersion: string | null;
  actualCollationVersion: string | null;
  count: number;
}>;

/** The names of the databases are not asked for. */
export function databasesQuery(version: number): string {
  const provider =
    version >= 150_000 ? "case datlocprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end" : "'libc'";
  const locale = version >= 170_000 ? "datlocale" : version >= 150_000 ? "daticulocale" : "null::text";
  const made = version >= 150_000 ? "datcollversion" : "null::text";
  const now = version >= 150_000 ? "pg_database_collation_actual_version(oid)" : "null::text";
  return `
select pg_encoding_to_char(encoding) as encoding, datcollate as collate, datctype as ctype, ${provider} as provider,
  ${locale} as locale, ${made} as "collationVersion", ${now} as "actualCollationVersion", count(*)::int as count
from pg_database where datallowconn group by 1, 2, 3, 4, 5, 6, 7 order by 8 desc, 1, 2, 3, 4, 5, 6, 7`;
}

export const databaseNamesQuery = `
select datname as name from pg_database
where datallowconn and has_database_privilege(datname, 'connect') order by datname`;

export const extensionsQuery = "select extname as name, extversion as value from pg_extension order by 1";

export const tablespaceQuery = `
select count(*)::int as count from pg_tablespace where spcname not in ('pg_default', 'pg_global')`;

export const buildQuery = `
select name, setting as value from pg_config where name in ('CONFIGURE', 'CC', 'CFLAGS', 'LIBS', 'VERSION')`;

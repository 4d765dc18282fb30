import { type Connection, withConnection } from "./connection.ts";
import { parseConninfo } from "./conninfo.ts";
import { isTelling, nameBySettings } from "./names.ts";
import { type NodeObservation, observeNode } from "./observe.ts";

/** What one server says of itself to somebody who wants to describe the system it belongs to. */
export type NodeFacts = NodeObservation &
  Readonly<{
    /** To the microsecond: with the system identifier it tells a server met by two addresses from two servers. */
    instance: string;
    user: string;
    /** By name; what the user may not see is not there. */
    visible: Readonly<Record<string, string>>;
    slots: readonly Readonly<{
      name: string;
      kind: "physical" | "logical";
      active: boolean;
      /** Of who streams by this slot. */
      applicationName: string | null;
    }>[];
    /** A Patroni keeps connections to it. */
    patroni: boolean;
  }>;

/** Asks one server, in two queries. Throws UNREACHABLE or QUERY_FAILED. Changes nothing. */
export async function askNode(url: string, timeoutMs = 3000): Promise<NodeFacts> {
  return withConnection(
    url,
    { timeoutMs, queryTimeoutMs: timeoutMs, applicationName: "blackstart init" },
    (connection) => factsOf(connection),
  );
}

/** The name under which this server streams. Null where nobody named it, or it cannot be seen. */
export function ownName({ receiver, settings }: NodeObservation): string | null {
  const name = receiver?.name ?? nameBySettings(settings) ?? "";
  return isTelling(name) ? name : null;
}

export function conninfoOf(facts: NodeFacts): Readonly<Record<string, string>> {
  try {
    return parseConninfo(facts.settings.primaryConninfo);
  } catch {
    return {}; // Not for us to see, or unusable for the server as well.
  }
}

async function factsOf(connection: Connection): Promise<NodeFacts> {
  const observation = await observeNode(connection);
  const [row] = await connection.query<{ facts: Omit<NodeFacts, keyof NodeObservation> }>(factsQuery);
  if (row === undefined) throw new Error("a query without FROM answers with one row");
  return { ...observation, ...row.facts };
}

/** PostgreSQL 13 to 18. A logical slot's reader shows in pg_stat_replication as well, and is no standby. */
const factsQuery = `
select json_build_object(
  'instance', pg_postmaster_start_time()::text,
  'user', current_user,
  'visible', (select coalesce(json_object_agg(name, setting), '{}') from pg_settings where name in (
    'archive_command', 'archive_library', 'archive_mode', 'cluster_name', 'data_checksums', 'port',
    'primary_slot_name', 'server_version', 'wal_log_hints')),
  'slots', (select coalesce(json_agg(json_build_object(
      'name', slot_name, 'kind', slot_type, 'active', active, 'applicationName', application_name)
      order by slot_name), '[]')
    from pg_replication_slots left join pg_stat_replication on pid = active_pid),
  'patroni', exists (select from pg_stat_activity where application_name ilike 'patroni%')
) as facts`;

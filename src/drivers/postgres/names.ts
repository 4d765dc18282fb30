import { type Conninfo, parseConninfo } from "./conninfo.ts";

/*
 * Under which name a standby streams. PostgreSQL takes primary_conninfo's application_name, else cluster_name, else
 * `walreceiver` (src/backend/replication/walreceiver.c). It is never the node's name in the system file, unless
 * somebody gave it that one: a name that nobody bears, in synchronous_standby_names, and every commit hangs.
 */

/** What a server is set to; empty text where it is not set, or not for us to see. */
export type StreamSettings = Readonly<{ primaryConninfo: string; clusterName: string }>;

const unnamed = "walreceiver";

/** The name under which a standby with these settings streams; undefined where that cannot be told. */
export function nameBySettings({ primaryConninfo, clusterName }: StreamSettings): string | undefined {
  const conninfo = conninfoOf(primaryConninfo);
  if (conninfo === undefined) return undefined;
  if (conninfo.application_name !== undefined) return conninfo.application_name;
  // The service file of the server's account may name it; we cannot read that.
  return conninfo.service === undefined ? clusterName || unnamed : undefined;
}

/**
 * The name that a running receiver gives, by `pg_stat_wal_receiver.conninfo`: what libpq really used, environment and
 * service file included. Its values are not quoted, so one ends where a keyword of libpq's begins.
 */
export function nameInReceiver(conninfo: string | null): string | undefined {
  const valueOf = (keyword: string) =>
    new RegExp(`(?:^| )${keyword}=(.*?)${nextKeyword}`, "s").exec(conninfo ?? "")?.[1];
  return valueOf("application_name") ?? valueOf("fallback_application_name");
}

/** Those that may follow in the order of libpq's table (src/interfaces/libpq/fe-connect.c, PQconninfoOptions). */
const nextKeyword =
  "(?: (?:fallback_application_name|keepalives\\w*|tcp_user_timeout|ssl\\w+|gss\\w+|krb\\w+|require\\w+|replication|target_session_attrs|load_balance_hosts|m(?:in|ax)_protocol_version|scram\\w+|oauth\\w+)=|$)";

/**
 * The name that a former primary is to stream under: what it is set to; else, where the other standbys are named one by
 * one, the node's name, as theirs; else what PostgreSQL would take.
 * @param others the settings of other members of the cluster
 */
export function nameAsStandby(node: string, own: StreamSettings, others: readonly StreamSettings[]): string {
  const set = conninfoOf(own.primaryConninfo)?.application_name;
  if (set !== undefined) return set;
  const isNamed = (one: StreamSettings) => conninfoOf(one.primaryConninfo)?.application_name !== undefined;
  return others.some(isNamed) ? node : own.clusterName || unnamed;
}

/** As PostgreSQL compares names of standbys. */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** `walreceiver` is what every standby is called that nobody named. */
export function isTelling(name: string): boolean {
  return name !== "" && name !== unnamed;
}

/** Undefined where there is none, it is not for us to see, or the server itself could not use it. */
function conninfoOf(primaryConninfo: string): Conninfo | undefined {
  if (primaryConninfo.trim() === "") return undefined;
  try {
    return parseConninfo(primaryConninfo);
  } catch {
    return undefined;
  }
}

import { type Conninfo, formatConninfo, parseConninfo } from "./conninfo.ts";

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
 * service file included. Its values are not quoted, so one ends where a keyword of libpq's begins. Undefined after a
 * change of timeline: until the receiver connects anew, primary_conninfo stands there as it is set, password and all.
 */
export function nameInReceiver(conninfo: string | null): string | undefined {
  const valueOf = (keyword: string) =>
    new RegExp(`(?:^| )${keyword}=(.*?)${nextKeyword}`, "s").exec(conninfo ?? "")?.[1];
  const fallback = valueOf("fallback_application_name");
  return fallback === undefined ? undefined : (valueOf("application_name") ?? fallback);
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

/** What of them says the name, and nothing else: no password. */
export function namingOf({ primaryConninfo, clusterName }: StreamSettings): StreamSettings {
  const name = conninfoOf(primaryConninfo)?.application_name;
  return { primaryConninfo: name === undefined ? "" : formatConninfo({ application_name: name }), clusterName };
}

/** A row of a sender's pg_stat_replication. */
export type SenderRow = Readonly<{
  applicationName: string | null;
  clientAddress: string | null;
  slotName?: string | null;
}>;

/** What is known of a node that could be the standby behind a row. Null: it is not known. */
export type Claimant = Readonly<{
  node: string;
  /** The host by which we reach it. */
  host: string | null;
  /** Its name, by its own account. */
  name: string | null;
  /** The slot that its receiver names. */
  slot: string | null;
  /** Whether it streams from this sender, by its own account, or by what is known of it since. */
  streamsHere: boolean | null;
}>;

/**
 * Who is behind each row of one sender, in the order of the rows: the nodes that it can be. One: it is that. Several:
 * they share a name, and which of them it is cannot be told. None: it is no node of the file, whatever its name.
 *
 * A slot is nobody else's, so it tells first. Then the name that the node says it has, and among several of one name the
 * address. Only a node that does not say its name is known by its address, or by its name in the file.
 */
export function nodesBehind(rows: readonly SenderRow[], all: readonly Claimant[]): readonly (readonly string[])[] {
  const claimants = all.filter((one) => one.streamsHere !== false);
  const placed = new Map<SenderRow, readonly string[]>();
  const free = () => claimants.filter(({ node }) => ![...placed.values()].some((nodes) => nodes.includes(node)));
  const left = () => rows.filter((row) => !placed.has(row));
  /** Pairs that are unambiguous from both sides. */
  const pair = (fits: (row: SenderRow, one: Claimant) => boolean) => {
    const [openRows, openNodes] = [left(), free()];
    for (const row of openRows) {
      const [one, ...others] = openNodes.filter((candidate) => fits(row, candidate));
      if (one !== undefined && others.length === 0 && openRows.filter((other) => fits(other, one)).length === 1)
        placed.set(row, [one.node]);
    }
  };
  const isNamed = (row: SenderRow, one: Claimant) => one.name !== null && one.name === row.applicationName;
  const isThere = (row: SenderRow, one: Claimant) => one.host !== null && one.host === row.clientAddress;
  pair((row, one) => row.slotName != null && row.slotName === one.slot);
  pair((row, one) => isNamed(row, one) && isThere(row, one));
  pair(isNamed);
  const unpaired = free();
  for (const row of left()) {
    const sharing = unpaired.filter((one) => isNamed(row, one)).map(({ node }) => node);
    if (sharing.length > 0) placed.set(row, sharing);
  }
  pair((row, one) => one.name === null && isThere(row, one));
  pair((row, one) => one.name === null && isSameName(one.node, row.applicationName ?? ""));
  return rows.map((row) => placed.get(row) ?? []);
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

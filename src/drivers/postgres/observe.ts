import type { Connection } from "./connection.ts";
import { formatConninfo, parseConninfo } from "./conninfo.ts";
import type { ReceiverLook } from "./following.ts";
import type { Lsn } from "./lsn.ts";
import { nameInReceiver } from "./names.ts";
import { observationQuery } from "./observation-query.ts";

/** What one server says of itself and its replication, in one query's snapshot. */
export type NodeObservation = Readonly<{
  role: "primary" | "standby";
  /** As `server_version_num`: 150018, 180004. */
  version: number;
  systemIdentifier: string;
  timelineId: number;
  /** Primary: written. Standby: received (what it has replayed, where it never received any). */
  lsn: Lsn;
  /** Standby: received since its start. Null: nothing, so it may hold more WAL than it has replayed. */
  receivedLsn: Lsn | null;
  replayedLsn: Lsn | null;
  /** How it replays and what it is told to follow; see `StandbyLook`. */
  replayPaused: boolean;
  applyDelayMs: number;
  replayWaits?: boolean | null;
  wantsStreaming: boolean | null;
  restores: boolean | null;
  startedAt: string;
  /** On which it listens, as it sees it itself. */
  port?: number;
  /** Empty text where the user may not see it (`pg_monitor` may see all of them). */
  settings: Readonly<{
    synchronousStandbyNames: string;
    synchronousCommit: string;
    /** Without its password. */
    primaryConninfo: string;
    clusterName: string;
    dataDirectory: string;
    configFile: string;
  }>;
  /** On a primary (or a cascading standby): who streams from it. */
  standbys: readonly Readonly<{
    applicationName: string;
    clientAddress: string | null;
    /** The slot that it streams by. */
    slotName: string | null;
    state: string;
    syncState: string;
    sentLsn: Lsn | null;
    flushLsn: Lsn | null;
    replayLsn: Lsn | null;
  }>[];
  /** On a standby: its WAL receiver; null when none runs. */
  receiver:
    | (ReceiverLook &
        Readonly<{
          senderHost: string | null;
          senderPort: number | null;
          slotName: string | null;
          /** The name that it gives its sender; null where it may not be seen. */
          name: string | null;
          /** How long ago the last message came, by the standby's clock; null: not for us to see. */
          lastMessageAgeMs: number | null;
        }>)
    | null;
}>;

export type ObserveNode = (connection: Connection, options?: { timeoutMs?: number }) => Promise<NodeObservation>;

/** One round trip; PostgreSQL 13 to 18. What the user may not see is null or empty, not an error. */
export const observeNode: ObserveNode = async (connection, options) => {
  const [row] = await connection.query<{ observation: NodeObservation }>(observationQuery, [], options);
  if (row === undefined) throw new Error("a query without FROM answers with one row");
  const { observation } = row;
  const { settings, receiver } = observation;
  const primaryConninfo = shownConninfo(settings.primaryConninfo);
  return {
    ...observation,
    settings: { ...settings, primaryConninfo },
    // The query answers with the whole of its conninfo.
    receiver: receiver === null ? null : { ...receiver, name: nameInReceiver(receiver.name) ?? null },
  };
};

/** What cannot be understood is not shown: a password might be in it. */
function shownConninfo(text: string): string {
  try {
    const { password: _password, sslpassword: _sslpassword, ...shown } = parseConninfo(text);
    return formatConninfo(shown);
  } catch {
    return ""; // The server itself could not use it either.
  }
}

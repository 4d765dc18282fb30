import type { Connection } from "./connection.ts";
import type { Lsn } from "./lsn.ts";

/** What one server says of itself and its replication, in one query's snapshot. */
export type NodeObservation = Readonly<{
  role: "primary" | "standby";
  /** As `server_version_num`: 150018, 180004. */
  version: number;
  systemIdentifier: string;
  timelineId: number;
  /** Primary: written. Standby: received (what it has replayed, where it never received any). */
  lsn: Lsn;
  replayedLsn: Lsn | null;
  startedAt: string;
  settings: Readonly<{
    synchronousStandbyNames: string;
    synchronousCommit: string;
    primaryConninfo: string;
    dataDirectory: string;
    configFile: string;
  }>;
  /** On a primary (or a cascading standby): who streams from it. */
  standbys: readonly Readonly<{
    applicationName: string;
    clientAddress: string | null;
    state: string;
    syncState: string;
    sentLsn: Lsn | null;
    flushLsn: Lsn | null;
    replayLsn: Lsn | null;
  }>[];
  /** On a standby: its WAL receiver; null when none runs. */
  receiver: Readonly<{
    status: string;
    senderHost: string | null;
    senderPort: number | null;
    flushedLsn: Lsn | null;
    slotName: string | null;
  }> | null;
}>;

export type ObserveNode = (connection: Connection, options?: { timeoutMs?: number }) => Promise<NodeObservation>;

import type { Instant } from "../base/time.ts";
import type { Following, ReceiverLook } from "../drivers/postgres/following.ts";
import type { Ancestor } from "../drivers/postgres/history.ts";
import type { Lsn } from "../drivers/postgres/lsn.ts";
import type { StreamSettings } from "../drivers/postgres/names.ts";
import type { Finding } from "../finding/finding.ts";
import type { PromiseRecord } from "../timeline/promise-record.ts";

/**
 * What the watch knows at one moment: the last thing seen of every node, service and cache. Everything that is wrong is
 * a pure function of this, see `assess/`. Durations are counted in `ms` of the monotonic clock, moments for people in
 * `at`.
 */
export type Facts = Readonly<{
  nodes: readonly NodeFacts[];
  services: readonly EndpointFacts[];
  caches: readonly EndpointFacts[];
  /** Of the clusters whose clients read an address file. */
  clients: readonly ClientsFacts[];
  /** What plans set for whom commits wait, by cluster and node; see `readPromises`. */
  promises?: ReadonlyMap<string, PromiseFacts>;
}>;

/** `since`: when the watch came to know it. */
export type PromiseFacts = PromiseRecord & Readonly<{ since: Moment }>;

export type Moment = Readonly<{ at: Instant; ms: number }>;

/**
 *   unknown ─► up ◄─► down | starting | hanging | unreachable | refused
 *
 * `up` stays while a cut connection is being made again: only the answer to that tells whether the server is gone.
 */
export type NodeCondition =
  | Readonly<{ kind: "unknown" }>
  | Readonly<{ kind: "up" }>
  /** Nothing listens, or what listens ends every connection. `goodbye`: what the server said before it went. */
  | Readonly<{ kind: "down"; detail: string; goodbye?: string }>
  /** It listens, and answers 57P03: starting, in crash recovery, or shutting down. */
  | Readonly<{ kind: "starting"; detail: string }>
  /**
   * The machine takes connections, the server does not answer them. `isFull`: by now it takes none any more, as is usual
   * once nobody empties the queue of those that wait.
   */
  | Readonly<{ kind: "hanging"; silentForMs: number; isFull?: true }>
  /** No connection comes about. `isSilent`: nor a word on why not. */
  | Readonly<{ kind: "unreachable"; detail: string; isSilent?: true }>
  /** It answers, and does not let us in: wrong password, no such database, too many connections. */
  | Readonly<{ kind: "refused"; sqlstate: string; detail: string }>;

export type NodeFacts = Readonly<{
  cluster: string;
  node: string;
  condition: NodeCondition;
  /** When the condition began. */
  since: Moment;
  /** The last time it answered well; and the time before that. */
  lastGood?: Moment;
  goodBefore?: Moment;
  /** The last time it answered as a primary. */
  lastPrimary?: Moment;
  /** When it was seen to become a primary out of a standby. */
  promoted?: Moment;
  /** What it is, as it said when the connection was made. */
  identity?: NodeIdentity;
  /** Its line of history, where it could be asked; kept when the node is gone. */
  line?: Readonly<{ timelineId: number; ancestors: readonly Ancestor[] }>;
  /** The last answer to the heartbeat; kept when the node is gone. */
  pulse?: Pulse;
  /** The server answers the heartbeat with an error: how often in a row, and which. */
  pulseRefused?: Readonly<{ times: number; detail: string }>;
  /** How a standby follows the primary, by its last two pulses; undefined: there was nothing to judge by. */
  following?: Following;
  /** Since when it has had this role, and streamed from where it does now. */
  aimedSince?: Moment;
  /** Since when the pulse has shown each of these without a break. */
  persisting: Persisting;
  latency: LatencyFacts;
  /** How long ago the primary was where this standby has replayed to, in milliseconds; undefined where not known. */
  replayDelayMs?: number;
  /** Its listener does not let new connections through although this one still answers. */
  acceptsConnections: boolean;
  /** What the health checks found the last time each ran. */
  checked: readonly CheckedFacts[];
}>;

/** Moments from which on something has been true without interruption; undefined: it is not true now. */
export type Persisting = Readonly<{
  /** It does not follow; in which way is in `following`. */
  notFollowing?: Moment;
  replayStuck?: Moment;
  replayPaused?: Moment;
  /** Sessions wait for a synchronous standby, and nothing moves. */
  synchronousStalled?: Moment;
}>;

export type NodeIdentity = Readonly<{
  version: number;
  systemIdentifier: string;
  startedAt: Instant;
  /** Null where the role that watches may not see it. */
  dataDirectory: string | null;
  configFile: string | null;
  /** May see what pg_monitor may see. */
  monitors: boolean;
}>;

/** What a node says at each heartbeat. */
export type Pulse = Readonly<{
  role: "primary" | "standby";
  timelineId: number;
  /** Primary: written. Standby: received, or replayed where that is more. */
  lsn: Lsn;
  replayedLsn: Lsn | null;
  /** How long before this pulse the last replayed commit was made, in milliseconds, by the standby's clock. */
  replayedAgeMs: number | null;
  replayPaused: boolean;
  applyDelayMs: number;
  synchronousStandbyNames: string;
  /** Empty: our own role or database has one of its own, so it is not known. */
  synchronousCommit: string;
  /** Sessions that wait in a commit for a synchronous standby. */
  synchronousWaiters: number;
  /** The oldest of these commits, by its transaction; null: not to be seen. */
  oldestWaiter: string | null;
  senders: readonly Sender[];
  receiver: Receiver | null;
  /** On a standby: the name under which it replicates; null: not to be seen. */
  replicationName: string | null;
  /** By what it is named as a standby, also of a primary; null: not to be seen. */
  naming: StreamSettings | null;
  /** On a standby, as in `StandbyLook`: whether it is told to stream, from where, and to restore; null: may not see. */
  replayWaits?: boolean | null;
  wantsStreaming: boolean | null;
  aimedAt: string | null;
  restores: boolean | null;
}>;

/** One standby as its sender sees it. Everything but the name is null for a role without pg_monitor. */
export type Sender = Readonly<{
  applicationName: string | null;
  clientAddress: string | null;
  /** The slot that it streams by. */
  slotName: string | null;
  /** How long it has been connected. */
  connectedMs: number | null;
  state: string | null;
  syncState: string | null;
  flushLsn: Lsn | null;
  replayLsn: Lsn | null;
}>;

export type Receiver = ReceiverLook &
  Readonly<{
    senderHost: string | null;
    senderPort: number | null;
    slotName: string | null;
    /** How long before this pulse the last message came from the sender, in milliseconds. */
    lastMessageAgeMs: number | null;
  }>;

export type LatencyFacts = Readonly<{
  /** The median of the recent past and of the last few answers, in milliseconds; null before there are enough. */
  usualMs: number | null;
  lastMs: number | null;
  slowSince?: Moment;
}>;

export type CheckedFacts = Readonly<{
  check: string;
  at: Instant;
  rows: readonly Readonly<Record<string, unknown>>[];
  /** Why the last run brought nothing; the rows are then those of the run before. */
  failed?: string;
}>;

/** Where the clients of a cluster are led, by their address file. */
export type ClientsFacts = Readonly<{
  cluster: string;
  file: string;
  /** As the file says it; undefined where it cannot be read or says nothing, for which `problem` is the reason. */
  address?: string;
  problem?: string;
  /** The node that declares this address. */
  node?: string;
  /** Who answers there, where no node declares it. */
  reached?:
    | Readonly<{ standby: boolean; systemIdentifier: string; startedAt: Instant }>
    | Readonly<{ problem: string }>;
}>;

/** A service or a cache. */
export type EndpointFacts = Readonly<{
  name: string;
  state: "unknown" | "good" | "bad";
  since: Moment;
  lastGood?: Moment;
  /** Why it is bad, in words. */
  detail?: string;
  /** It answers, but not us: a wrong password. */
  refused?: boolean;
}>;

/** A finding before it is known when it was seen. */
export type Found = Omit<Finding, "seenAt">;

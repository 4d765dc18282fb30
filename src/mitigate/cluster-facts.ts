import type { Resolved } from "../drivers/postgres/endpoints.ts";
import type { Following } from "../drivers/postgres/following.ts";
import type { ControlData, DiskEnd, KnownState } from "../drivers/postgres/instance.ts";
import type { WalEnd } from "../drivers/postgres/history.ts";
import type { Lsn } from "../drivers/postgres/lsn.ts";
import type { NodeObservation } from "../drivers/postgres/observe.ts";
import type { Stall } from "../drivers/postgres/synchronous-wait.ts";
import type { DatedPromise } from "../timeline/promise-record.ts";
import type { ObservationEvent } from "../timeline/observation.ts";
import type { CommitSetting } from "./commit-level.ts";
import type { ClientsLogin } from "./readiness/clients-login.ts";
import type { Limits } from "./readiness/limits.ts";
import type { Rights } from "./readiness/rights.ts";

/** What a planner knows of one cluster: what is alive was asked, what is dead is remembered. Plain data. */
export type ClusterFacts = Readonly<{
  cluster: string;
  /** In the order of the file. */
  nodes: readonly NodeFacts[];
  /** What plans set for whom commits wait, the last on each node. */
  promises?: readonly DatedPromise[];
  /** What the clients' address file says; undefined where there is none. */
  clientsAddress?: string;
  /** The addresses of the names in this, of those that had to be resolved. */
  resolved?: Resolved;
  /** The primary that plans fenced or promoted last; asked only where none answers and none is remembered. */
  primaryInPlans?: string;
}>;

/**
 * How a server took the call: `answers`: observed. Otherwise as `reachabilityOf` says; `denied`: it is alive, and would
 * not let us in. `silent`: nothing that is known of it says whether it runs.
 */
export type Reach = "answers" | "starting" | "denied" | "closed" | "silent";

export type NodeFacts = Readonly<{
  node: string;
  /** `host:port` of its url. */
  address: string;
  /** The endpoints to which its standbys may be aimed; undefined: that one alone. */
  addresses?: readonly string[];
  /** The nodes on other machines that its address would lead to themselves; undefined: none. See `ledAstrayBy`. */
  astray?: readonly string[];
  reach: Reach;
  /** Why it does not answer, in words. */
  problem?: string;
  /** It runs, and refuses our login: a password, or pg_hba.conf. */
  lockedOut?: true;
  observation?: NodeObservation;
  /** A standby that answers, and whose promotion is pending: it becomes a primary by itself. */
  promoting?: true;
  /** Where its WAL ends and on which line of history; of a server that answers, where it can be told. */
  walEnd?: WalEnd;
  /** How a standby that answers follows the one primary; undefined where there is none, or more than one. */
  following?: Following;
  /** What our role may not do there; of a server that answers. */
  rights?: Rights;
  /** The roles and databases with a synchronous_commit of their own, as far as it has replayed. */
  commitSettings?: readonly CommitSetting[];
  /** What it would let nobody do; of a server that answers. */
  limits?: Limits;
  /** Whether the clients' own role is let in there; of a server that answers, where the clients' url is declared. */
  clientsLogin?: ClientsLogin;
  /** The name under which it streams, or will once it is a standby; undefined where that cannot be told. */
  applicationName?: string;
  /** Of a primary on which commits hang; asked where they are to be let go. */
  stall?: Stall;
  /** What its host sees. Undefined: no host is declared, it cannot be reached, or it cannot tell. */
  instance?: KnownState;
  /** When the last postmaster of its data directory started, by its lock file. */
  startedAtMs?: number;
  /** Why its host says nothing; undefined when it does. */
  hostProblem?: string;
  /** What lets its host say something. */
  hostNext?: string;
  /** What its host sees is another node's directory, or another server: nothing may be done there. */
  misplaced?: true;
  /** Of a server that does not answer and whose host does. */
  control?: ControlData;
  /** The synchronous settings in the configuration files of a server that did not answer at once, where its host does. */
  configured?: Readonly<{ synchronousStandbyNames: string; synchronousCommit: string }>;
  /** A start of ours could not repeat its command line; see `Remains`. */
  unrepeatable?: true;
  /**
   * Of a server that does not answer, where its host can read it: its line of history. Its WAL goes at least so far.
   */
  onDisk?: DiskEnd;
  /** The end of its WAL, where that can be read. */
  writtenLsn?: Lsn;
  /** The primary that does not answer us, and from which this standby has had a message since it was asked. */
  hears?: string;
  /** The same of an address of which it cannot be told whose it is: it may be that primary's. */
  hearsSomebody?: string;
  remembered?: Remembered;
  /** When it was last seen as a primary. */
  asPrimary?: Remembered;
}>;

/** @property position in the timeline: what was seen later has the greater one */
export type Remembered = ObservationEvent["data"] & Readonly<{ position?: number }>;

export function nodeFacts(facts: ClusterFacts, node: string): NodeFacts | undefined {
  return facts.nodes.find((one) => one.node === node);
}

export type AnsweringNode = NodeFacts & Readonly<{ observation: NodeObservation }>;

/** Those that take writes, as far as can be seen. More than one: the worst that can be. */
export function primariesOf(facts: ClusterFacts): readonly AnsweringNode[] {
  return answeringOf(facts).filter((one) => one.observation.role === "primary");
}

export function standbysOf(facts: ClusterFacts): readonly AnsweringNode[] {
  return answeringOf(facts).filter((one) => one.observation.role === "standby");
}

/** Those that become a primary by themselves. */
export function promotingOf(facts: ClusterFacts): readonly AnsweringNode[] {
  return standbysOf(facts).filter((one) => one.promoting === true);
}

function answeringOf(facts: ClusterFacts): readonly AnsweringNode[] {
  return facts.nodes.filter((one): one is AnsweringNode => one.observation !== undefined);
}

/**
 * Those besides this one that may be the last primary for all that is known: they do not answer, were never seen, and
 * nothing says that they are standbys. None, where it is remembered who the primary was.
 */
export function otherSuspects(facts: ClusterFacts, primary: NodeFacts): readonly NodeFacts[] {
  if (primary.remembered?.role === "primary" || facts.primaryInPlans === primary.node) return [];
  const isKnown = (one: NodeFacts) => one.remembered !== undefined || one.instance?.standbySignal === true;
  return facts.nodes.filter((one) => one.node !== primary.node && one.observation === undefined && !isKnown(one));
}

/** How much WAL a standby holds. */
export function receivedLsn(standby: AnsweringNode): Lsn {
  return endOf(standby).lsn;
}

/** Where the WAL of a server that answers ends. On timeline 1 there is no history to be asked for. */
export function endOf({ observation, walEnd }: AnsweringNode): WalEnd {
  if (walEnd !== undefined) return walEnd;
  const { timelineId, lsn } = observation;
  return { timelineId, lsn, ancestors: timelineId === 1 ? [] : undefined };
}

import type { Instant } from "../base/time.ts";
import type { Spares } from "./spares.ts";
import type { NetworkState } from "./proxy/network.ts";

/** What manages failover in a lab; `streaming`: nobody. */
export type ManagerName = "streaming" | "patroni" | "pacemaker";

/**
 * A real cluster on this machine, to be broken. Lives in one directory; everything needed to find it again is in its
 * `lab.json`, so that it outlives the process and the terminal that made it.
 */
export interface Lab {
  readonly name: string;
  readonly manager: ManagerName;
  readonly directory: string;
  readonly nodes: readonly LabNode[];
  /** A blackstart.yaml that describes this lab (hosts `local:`, nodes expendable). */
  readonly systemFile: string;
  /** The clients' address file: `host:port` of the primary. Written only where nobody else tells the clients. */
  readonly addressFile: string;
  /** What whoever made it should know. */
  readonly notes: LabNotes;
  node(name: string): LabNode;
  /**
   * Where a client would connect to write now, by the clients' own path: the address file, what Patroni's REST API
   * says, the virtual address. Whether a write goes through there is another question; undefined: nowhere.
   */
  clientUrl(): Promise<string | undefined>;
  /** What each node is now, asked of the servers and the manager. */
  status(): Promise<LabStatus>;
  /** Injects a fault; see `faults/`. Answers what was done, and when; returns when it is seen to have taken effect. */
  break(
    fault: string,
    target?: string,
    parameters?: Readonly<Record<string, unknown>>,
  ): Promise<{ done: string; at: Instant }>;
  /** Takes a fault back, where that is possible without a recovery. Without a target: on all nodes. */
  heal(fault: string, target?: string): Promise<{ done: string }>;
  /**
   * Promotes a standby as somebody at the servers would, with no regard to what may be lost; the others follow it, and the
   * clients are led there unless the manager leads them. `furthest`: the one that has received most.
   */
  promote(which: string): Promise<{ done: string }>;
  /** Says something to the manager in its own command line (`crm …`, `patronictl …`); returns when it has nothing left to do. */
  manage(words: string): Promise<{ done: string }>;
  /** What the manager is configured to, and what it knows, as it stands now: of Pacemaker the CIB. */
  configuration(): Promise<string>;
  /** Takes a base backup of the primary. */
  backUp(): Promise<{ done: string }>;
  /** Returns when all that was written so far is in the archive; for a lab that has one. */
  archiveLog(): Promise<{ done: string }>;
  /** Replaces a node by what the base backup and the archive hold; every server is ended before, the clients are led there. */
  restore(node: string): Promise<{ done: string }>;
  /** Ends every process, frees the shared memory, removes the directory. */
  down(): Promise<void>;
}

/** `replacements`: what could not stay as it was given. `inside`: the command lines that lead into a node's own machine. */
export type LabNotes = Readonly<{ replacements: readonly Replacement[]; inside: Readonly<Record<string, string>> }>;

/** `is` undefined: left out. `was` undefined: added. */
export type Replacement = Readonly<{ where: string; was?: string; is?: string; why: string }>;

export type LabNode = Readonly<{
  name: string;
  /** Where clients and other nodes reach it: through the proxy, in a lab that has one. */
  url: string;
  port: number;
  dataDirectory: string;
  /** The files of its own log: the server's, then its manager's. */
  logs: readonly string[];
  /** The role at the beginning. */
  role: "primary" | "synchronous" | "asynchronous";
}>;

/**
 * `standby`: of which no primary says whether it is synchronous. `silent`: there are server processes, and nothing that
 * answers.
 */
export type RoleNow = LabNode["role"] | "standby" | "silent" | "down";

/** A lab as it is found on the disk, among the processes, and by asking its servers and its manager. */
export type LabStatus = Readonly<{
  name: string;
  manager: ManagerName;
  directory: string;
  version: string;
  createdAt: string;
  /**
   * `half-made`: whoever was making it is gone. `being-made`: still at it. `stopped`: no server runs (any more).
   * `hidden`: it is another user's, whose processes we cannot see.
   */
  state: "running" | "partly-running" | "stopped" | "being-made" | "half-made" | "hidden";
  /** Ours, and the process that made it has ended: as it is meant for `lab up`, and a lab left behind for a test or a demo. */
  abandoned: boolean;
  /** Where a client would connect to write now; null: nowhere. */
  clientUrl: string | null;
  nodes: readonly NodeStatus[];
}>;

export type NodeStatus = Readonly<{
  name: string;
  port: number;
  /** The role at the beginning. */
  madeAs: LabNode["role"];
  /** As the servers say. */
  role: RoleNow;
  /** Left out where the manager says nothing, or there is none. */
  manager?: Opinion;
  /** Left out where it is open. */
  network?: NetworkState;
  /** The command line that leads into its own machine, where it has one that is on. */
  inside?: string;
  /** Of every process of the node, the manager's too. */
  pids: readonly number[];
}>;

/**
 * What the manager takes a node for, and its own words for it. It may lag behind the servers, and it is by this that it
 * acts.
 */
export type Opinion = Readonly<{ role: RoleNow; words: string }>;

export type LabOptions = Readonly<{
  /** Default: a random one. */
  name?: string;
  /** Where labs live. Default: `$BLACKSTART_HOME/labs`. */
  home?: string;
  /** What manages failover. Default: `streaming`. */
  manager?: ManagerName;
  /** Default: one synchronous and one asynchronous standby. */
  standbys?: readonly ("synchronous" | "asynchronous")[];
  /** A TCP proxy before each node, so that its network can be cut without root. Default: false. */
  proxied?: boolean;
  /** fsync on. Default: true; off is for trials that never look at a power loss. */
  durable?: boolean;
  /** Disks of its own for each node, so that they can fail. Needs root. Default: false. */
  disks?: boolean;
  /** An archive that the primary writes its log to and standbys restore from. Default: false. */
  archive?: boolean;
  /** The directory of the server binaries. Default: an installed PostgreSQL, else the npm-shipped one. */
  binaries?: string;
  /** Copies of the template that were made ahead. Default: none. */
  spares?: Spares;
  /** Extra settings for every node. */
  settings?: Readonly<Record<string, string>>;
  /** Settings of single nodes, by name; they win over those for every node. */
  nodeSettings?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Of Pacemaker. Default: that of an outage of 2017, in a form that fails over. */
  pacemaker?: PacemakerConfiguration;
  /** Of Patroni; those that are missing are the shortest with which it is known to work. */
  patroni?: Partial<PatroniTimes>;
}>;

/** In seconds, as Patroni's configuration has them. */
export type PatroniTimes = Readonly<{ ttl: number; loopWait: number; retryTimeout: number }>;

/** `crm`: what `crm configure show` prints. `cib`: what `cibadmin --query` prints. `source` is for messages. */
export type PacemakerConfiguration = Readonly<{ kind: "crm" | "cib"; text: string; source: string }>;

import type { Binaries } from "./binaries.ts";
import type { LabNotes, LabOptions, ManagerName, Opinion } from "./lab.ts";
import type { ProcessInfo } from "./processes.ts";
import type { NetworkState } from "./proxy/network.ts";
import type { LabRecord, NodeRecord } from "./record.ts";

/**
 * What differs between labs by what manages failover: one folder each, chosen in `managers.ts`, and nothing else in the lab
 * asks which it is. Everything is found from the record alone, so that a lab is the same to the process that made it and to a
 * later one.
 */
export type LabManager = Readonly<{
  name: ManagerName;
  /** Whether it makes another node the primary, or starts the server again, without being asked. */
  failsOver: boolean;
  /**
   * The server binaries. Throws what is missing on this machine, or why these options do not go together, before
   * anything is made.
   */
  prepare(options: LabOptions): Promise<Binaries>;
  /** With more bytes in its name the nodes' folder is of no use to it (sockets); undefined: any. */
  folderBytesMax?: number;
  /** Decides what will be, and claims its ports in the name of `site.directory`; starts nothing. */
  plan(site: LabSite, options: LabOptions): Promise<LabPlan>;
  /**
   * Starts everything and returns when it takes writes and every standby streams, with the record as it is then. Where it
   * fails, `demolish` follows: whatever it starts is found from the record that was written before.
   */
  build(record: LabRecord, options: LabOptions): Promise<LabRecord>;
  /** The cluster's `manager`, `clients` and the like in blackstart.yaml: lines without their indentation. */
  systemLines(record: LabRecord): readonly string[];
  /** Nothing, where the lab is as it was asked for and its nodes are on this machine itself. */
  notes?(record: LabRecord): LabNotes;
  /** Where a client would connect to write now, by the clients' own path; undefined: nowhere. */
  clientUrl(record: LabRecord): Promise<string | undefined>;
  /** What the manager itself says of each node; one of which it says nothing is left out. */
  opinions(record: LabRecord): Promise<Readonly<Record<string, Opinion>>>;
  /** Every process of a node, the manager's too; of a node that is off: none. */
  processesOf(record: LabRecord, node: NodeRecord): readonly ProcessInfo[];
  /** The processes that are no node's: a proxy, the store of a quorum, a bridge. */
  sharedProcesses(record: LabRecord): readonly Readonly<{ pid: number }>[];
  /** Ends every process of the nodes at once, as a power cut does; returns when none is left. */
  powerOff(record: LabRecord, nodes: readonly NodeRecord[]): Promise<void>;
  /**
   * Starts what is not running of the nodes, as it is, and returns when their servers accept connections. Answers with
   * those of which something did not run.
   */
  powerOn(record: LabRecord, nodes: readonly NodeRecord[]): Promise<readonly NodeRecord[]>;
  /** Sets the network to and from a node; returns when that is done. */
  setNetwork(record: LabRecord, node: NodeRecord, state: NetworkState): Promise<void>;
  /** What the network of a node is, as whoever carries it out says. */
  networkOf(record: LabRecord, node: NodeRecord): NetworkState | undefined;
  /**
   * After a fault was taken back: does by hand what the manager leaves to people, and answers in words what that was;
   * undefined: nothing. Managers that leave nothing to people have none.
   */
  afterHeal?(record: LabRecord, nodes: readonly NodeRecord[]): Promise<string | undefined>;
  /**
   * Runs the manager's own command line (`crm …`, `patronictl …`) with these words, where the manager runs, and returns when it has nothing
   * left to do. Managers without one have none.
   */
  command?(record: LabRecord, words: string): Promise<string>;
  /** The manager's own configuration and state as they are now, in its own form. Managers without one have none. */
  configuration?(record: LabRecord): Promise<string>;
  /** Removes what is neither a process nor below the lab's directories, once its processes are gone. */
  clear(record: LabRecord): Promise<void>;
}>;

/** Where a lab is about to be. `nodesDirectory` can be reached by the account that runs the servers. */
export type LabSite = Readonly<{ name: string; directory: string; nodesDirectory: string; binaries: Binaries }>;

export type LabPlan = Pick<LabRecord, "ports" | "nodes" | "manager">;

import type { Replacement } from "../lab.ts";

/** What the lab takes from a Pacemaker configuration, and gives to it. All of it is decided before anything is made. */
export type LabConfiguration = Readonly<{
  /** The cluster information base that the lab starts with. */
  cib: string;
  /** What could not stay as it was given, in the order of the file. */
  replacements: readonly Replacement[];
  shape: ClusterShape;
}>;

export type ClusterShape = Readonly<{
  /** The id of the pgsql primitive: its attributes are called after it. */
  resource: string;
  /** The id of the promotable clone around it: constraints name this one. */
  clone: string;
  /** `rep_mode`: whether a commit waits for a standby. */
  synchronous: boolean;
  /** The account and the role that the agent uses (`pgdba`). */
  account: string;
  replicationRole: string;
  conninfoOptions: string;
  port: number;
  /** Where standbys find the primary (`master_ip`). */
  primaryAddress: string;
  nodes: readonly ShapeNode[];
  /** The addresses of the machine that the clients are on, as `10.20.0.254/24`. */
  clientAddresses: readonly string[];
  virtualAddresses: readonly VirtualAddress[];
}>;

export type ShapeNode = Readonly<{
  name: string;
  /** Corosync's number of it, from 1. */
  id: number;
  role: "primary" | "synchronous" | "asynchronous";
  /** As `10.20.0.11/24`, one a network; the first is the one corosync speaks over. */
  addresses: readonly string[];
}>;

export type VirtualAddress = Readonly<{
  /** The id of the IPaddr2 resource. */
  resource: string;
  address: string;
  prefix: number;
  /** `primary`: a constraint keeps it with the primary. `elsewhere`: it begins on the first standby. */
  place: "primary" | "elsewhere";
}>;

/** The paths that every host has in common: a folder in its private /run that leads to its own in the lab's. */
export const hostFolder = "/run/lab";

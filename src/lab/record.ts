import { readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabNode, PatroniTimes, Replacement } from "./lab.ts";
import type { ClusterShape } from "./pacemaker/configuration.ts";
import type { ProcessIdentity } from "./processes.ts";
import type { Route } from "./proxy/route.ts";

/**
 * `lab.json`: everything needed to find a lab again. It is written before the first process is started, so that a lab
 * whose making was interrupted can be taken down like any other.
 */
export type LabRecord = Readonly<{
  format: 2;
  name: string;
  state: "being-made" | "ready";
  maker: ProcessIdentity;
  createdAt: string;
  /** The directory of lab.json, blackstart.yaml and the address file. */
  directory: string;
  /** Where the nodes lie: the same, or another that the account running the servers can reach. */
  nodesDirectory: string;
  binaries: string;
  version: string;
  durable: boolean;
  ports: readonly number[];
  nodes: readonly NodeRecord[];
  manager: ManagerRecord;
}>;

export type NodeRecord = LabNode &
  Readonly<{
    /** Where the server itself listens; `port` is the proxy's, where there is one. */
    serverPort: number;
    /** The server itself, past whatever network can be cut: as a hand on the machine reaches it. */
    ownUrl: string;
  }>;

/** What only one manager's labs have. `routes`: of its proxy; none: it has no proxy. */
export type ManagerRecord =
  | Readonly<{ kind: "streaming"; routes: readonly Route[] }>
  | PatroniRecord
  | Readonly<{ kind: "pacemaker"; shape: ClusterShape; replacements: readonly Replacement[] }>;

export type PatroniRecord = Readonly<{
  kind: "patroni";
  routes: readonly Route[];
  times: PatroniTimes;
  /** Its ports. */
  etcd: Readonly<{ client: number; peer: number }>;
  /** By node: the ports of its REST API, the proxy's and its own, and the one at which it reaches etcd. */
  members: Readonly<Record<string, Readonly<{ rest: number; restServer: number; etcd: number }>>>;
}>;

export function recordFile(directory: string): string {
  return join(directory, "lab.json");
}

export function addressFileOf({ directory }: LabRecord): string {
  return join(directory, "primary-address");
}

export function readRecord(directory: string): LabRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(recordFile(directory), "utf8")) as LabRecord;
    // One that was copied or written by hand speaks of another place: nothing there is to be touched in its name.
    const isHere = realpathSync(record.directory) === realpathSync(directory);
    return record.format === 2 && Array.isArray(record.nodes) && isHere ? record : undefined;
  } catch {
    return undefined; // No lab lies there.
  }
}

/** By rename: a reader sees the old one or the new one, never half of it. */
export function writeRecord(record: LabRecord): void {
  const file = recordFile(record.directory);
  writeFileSync(`${file}.part`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${file}.part`, file);
}

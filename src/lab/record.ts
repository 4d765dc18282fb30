import { readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "./cache.ts";
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
    return record.format === 2 && Array.isArray(record.nodes) && speaksOf(record, directory) ? record : undefined;
  } catch {
    return undefined; // No lab lies there.
  }
}

/**
 * Whether it is about the place where it lies. One that was copied, or written by hand, may name any other, and taking a lab
 * down removes what its record names.
 */
function speaksOf({ directory, nodesDirectory, nodes }: LabRecord, where: string): boolean {
  const isBelow = (path: string, folder: string) => !path.includes("/../") && path.startsWith(`${folder}/`);
  const isInPlace = nodesDirectory === directory || isBelow(nodesDirectory, join(cacheDirectory(), "labs"));
  const isHere = realpathSync(directory) === realpathSync(where);
  return isHere && isInPlace && nodes.every(({ dataDirectory }) => isBelow(dataDirectory, nodesDirectory));
}

/** By rename: a reader sees the old one or the new one, never half of it. */
export function writeRecord(record: LabRecord): void {
  const file = recordFile(record.directory);
  writeFileSync(`${file}.part`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${file}.part`, file);
}

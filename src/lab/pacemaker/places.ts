import { dirname, join } from "node:path";
import type { LabRecord, NodeRecord } from "../record.ts";
import type { Replacement } from "../lab.ts";
import type { ClusterShape, ShapeNode } from "./configuration.ts";

/** A lab of this manager: what stands in its record, and where its parts lie. */
export type PacemakerRecord = LabRecord &
  Readonly<{ manager: Readonly<{ kind: "pacemaker"; shape: ClusterShape; replacements: readonly Replacement[] }> }>;

export function pacemakerRecord(record: LabRecord): PacemakerRecord {
  if (record.manager.kind !== "pacemaker") throw new Error(`${record.name} is no lab with Pacemaker`);
  return record as PacemakerRecord;
}

export function shapeOf(record: LabRecord): ClusterShape {
  return pacemakerRecord(record).manager.shape;
}

export function shapeNodeOf(record: LabRecord, { name }: Readonly<{ name: string }>): ShapeNode {
  return shapeOf(record).nodes.find((node) => node.name === name) as ShapeNode;
}

/** Everything of a host: its disk. */
export function folderOf({ dataDirectory }: Pick<NodeRecord, "dataDirectory">): string {
  return dirname(dataDirectory);
}

/** Who is the first process of a host, or of the network between them. Written before either does anything. */
export function identityFile({ directory }: Pick<LabRecord, "directory">, part: string): string {
  return join(directory, `${part}.process.json`);
}

/** The part that is no host: the bridge between them, and the machine that the clients are on. No host's name has a dot first. */
export const networkPart = ".network";

export function cibFile({ directory }: Pick<LabRecord, "directory">): string {
  return join(directory, "cib.xml");
}

/** The folder of the socket that leads to a virtual address, from the clients' machine. */
export function clientFolder({ nodesDirectory }: Pick<LabRecord, "nodesDirectory">, resource: string): string {
  return join(nodesDirectory, ".clients", resource);
}

export function socketIn(folder: string, port: number): string {
  return join(folder, `.s.PGSQL.${port}`);
}

export function urlThrough(folder: string, port: number): string {
  return `postgres://blackstart@localhost/postgres?host=${encodeURIComponent(folder)}&port=${port}`;
}

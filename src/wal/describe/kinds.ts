import { resourceManagerName } from "../format.ts";
import { structureOf, type StructureField } from "./structures.ts";
import { recordTypeName } from "./types.ts";

/** What all records with the same resource manager and info have in common. */
export type RecordKind = Readonly<{
  manager: string;
  type: string;
  /** `Heap INSERT+INIT` */
  title: string;
  /** The same in ASCII. */
  titleBytes: Uint8Array;
  structure: readonly StructureField[];
}>;

/** The kinds of records of a major version, each made when it is first met. */
export function recordKinds(version: number): (resourceManager: number, info: number) => RecordKind {
  const made: RecordKind[] = [];
  return (resourceManager, info) => (made[resourceManager * 256 + info] ??= makeKind(resourceManager, info, version));
}

function makeKind(resourceManager: number, info: number, version: number): RecordKind {
  const manager = resourceManagerName(resourceManager);
  const type = recordTypeName(resourceManager, info, version);
  const title = type === manager ? manager : `${manager} ${type}`;
  const titleBytes = Uint8Array.from(Buffer.from(title));
  return { manager, type, title, titleBytes, structure: structureOf(manager, type, version) };
}

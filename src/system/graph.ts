import { type Ref, refText } from "../finding/finding.ts";
import type { System } from "./schema.ts";

/*
 * What needs what. An arrow goes from a thing to what it does not work without:
 *
 *   service ─► service | cache | cluster        as `needs` says
 *   cluster ─► its nodes                        (together: the loss of one node need not stop the cluster)
 *   invariant ─► cluster
 *
 * The system file is checked to have no circle in `needs`; the walks below end on one all the same.
 */

/** What this needs directly. Something the system does not know needs nothing. */
export function needsOf(system: System, ref: Ref): readonly Ref[] {
  switch (ref.kind) {
    case "service":
      return (system.services[ref.name]?.needs ?? []).map((name) => refOfName(system, name)).filter(isPresent);
    case "cluster":
      return Object.keys(system.clusters[ref.name]?.nodes ?? {}).map((node) => nodeRef(ref.name, node));
    case "invariant": {
      const cluster = system.invariants[ref.name]?.cluster;
      return cluster === undefined ? [] : [{ kind: "cluster", name: cluster }];
    }
    case "node":
    case "cache":
    case "system":
    case "incident":
      return [];
  }
}

/** Everything this needs, directly or through others; the nearest first, without itself. */
export function dependenciesOf(system: System, ref: Ref): readonly Ref[] {
  return walk(ref, (from) => needsOf(system, from));
}

/** Everything that needs this, directly or through others; the nearest first, without itself. */
export function dependentsOf(system: System, ref: Ref): readonly Ref[] {
  const needing = new Map<string, Ref[]>();
  for (const from of thingsOf(system))
    for (const to of needsOf(system, from)) {
      const list = needing.get(refText(to)) ?? [];
      list.push(from);
      needing.set(refText(to), list);
    }
  return walk(ref, (to) => needing.get(refText(to)) ?? []);
}

/** True where `dependent` needs `dependency`, directly or through others. Nothing needs itself. */
export function needs(system: System, dependent: Ref, dependency: Ref): boolean {
  return dependenciesOf(system, dependent).some((ref) => refText(ref) === refText(dependency));
}

/** Every thing of the system: clusters, their nodes, caches, services, invariants. */
export function thingsOf(system: System): readonly Ref[] {
  return [
    ...Object.entries(system.clusters).flatMap(([cluster, { nodes }]): Ref[] => [
      { kind: "cluster", name: cluster },
      ...Object.keys(nodes).map((node) => nodeRef(cluster, node)),
    ]),
    ...Object.keys(system.caches).map((name): Ref => ({ kind: "cache", name })),
    ...Object.keys(system.services).map((name): Ref => ({ kind: "service", name })),
    ...Object.keys(system.invariants).map((name): Ref => ({ kind: "invariant", name })),
  ];
}

export function nodeRef(cluster: string, node: string): Ref {
  return { kind: "node", name: `${cluster}/${node}` };
}

/** The cluster that a cluster, node or invariant belongs to. */
export function clusterOfRef(system: System, ref: Ref): string | undefined {
  switch (ref.kind) {
    case "cluster":
      return ref.name;
    case "node":
      return ref.name.split("/", 1)[0];
    case "invariant":
      return system.invariants[ref.name]?.cluster;
    case "cache":
    case "service":
    case "system":
    case "incident":
      return undefined;
  }
}

/** What a name in `needs` stands for. Clusters, caches and services share one set of names. */
function refOfName(system: System, name: string): Ref | undefined {
  if (Object.hasOwn(system.clusters, name)) return { kind: "cluster", name };
  if (Object.hasOwn(system.caches, name)) return { kind: "cache", name };
  if (Object.hasOwn(system.services, name)) return { kind: "service", name };
  return undefined;
}

/** Breadth first, so that the nearest come first. */
function walk(start: Ref, next: (ref: Ref) => readonly Ref[]): readonly Ref[] {
  const seen = new Set([refText(start)]);
  const found: Ref[] = [];
  for (let ring: readonly Ref[] = [start]; ring.length > 0; ) {
    const fresh: Ref[] = [];
    for (const ref of ring.flatMap(next)) {
      if (seen.has(refText(ref))) continue;
      seen.add(refText(ref));
      fresh.push(ref);
    }
    found.push(...fresh);
    ring = fresh;
  }
  return found;
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}

import { BlackstartError } from "../base/error.ts";
import { didYouMean, nearest } from "../base/nearest.ts";
import type { Cache, Cluster, Invariant, Node, Service, System } from "./schema.ts";

/*
 * Finding things of the system by the name that a person typed. Each throws UNKNOWN_NAME with the nearest right name
 * and the list of those there are.
 */

export function clusterOf(system: System, name: string): Cluster {
  return system.clusters[known("cluster", name, system.clusters)] as Cluster;
}

export function nodeOf(system: System, cluster: string, node: string): Node {
  const nodes = clusterOf(system, cluster).nodes;
  return nodes[known(`node of ${cluster}`, node, nodes)] as Node;
}

export function cacheOf(system: System, name: string): Cache {
  return system.caches[known("cache", name, system.caches)] as Cache;
}

export function serviceOf(system: System, name: string): Service {
  return system.services[known("service", name, system.services)] as Service;
}

export function invariantOf(system: System, name: string): Invariant {
  return system.invariants[known("invariant", name, system.invariants)] as Invariant;
}

/** The one cluster where there is only one and none was named; what most commands want. */
export function clusterNamed(system: System, name?: string): string {
  const names = Object.keys(system.clusters);
  if (name !== undefined) return known("cluster", name, system.clusters);
  if (names.length === 1 && names[0] !== undefined) return names[0];
  throw new BlackstartError("USAGE", {
    what: names.length === 0 ? "The system has no cluster." : "Which cluster?",
    why:
      names.length === 0 ? "`clusters` in the system file is empty." : `The system has several: ${names.join(", ")}.`,
    next: names.length === 0 ? "Add one to the system file." : "Name the cluster.",
    details: { candidates: names },
  });
}

/** A node given as `ledger/pg1`, or as `pg1` where only one cluster has a node of that name. */
export function nodeNamed(system: System, text: string): { cluster: string; node: string } {
  const slash = text.indexOf("/");
  if (slash !== -1) {
    const [cluster, node] = [text.slice(0, slash), text.slice(slash + 1)];
    nodeOf(system, cluster, node);
    return { cluster, node };
  }
  const all = Object.entries(system.clusters).flatMap(([cluster, { nodes }]) =>
    Object.keys(nodes).map((node) => ({ cluster, node })),
  );
  const found = all.filter(({ node }) => node === text);
  const candidates = all.map(({ cluster, node }) => `${cluster}/${node}`);
  if (found.length > 1)
    throw new BlackstartError("UNKNOWN_NAME", {
      what: `“${text}” is a node of several clusters.`,
      why: `It could be ${found.map(({ cluster }) => `${cluster}/${text}`).join(" or ")}.`,
      next: "Name it with its cluster.",
      details: { name: text, candidates },
    });
  if (found[0] === undefined)
    throw unknown(
      "node",
      text,
      all.map(({ node }) => node),
    );
  return found[0];
}

function known(kind: string, name: string, things: object): string {
  if (Object.hasOwn(things, name)) return name;
  throw unknown(kind, name, Object.keys(things), "Add one to the system file.");
}

/**
 * For every kind of name that a person types: incidents and plans as well.
 * @param whenNone what to do where there is nothing to name
 */
export function unknown(
  kind: string,
  name: string,
  candidates: readonly string[],
  whenNone = "There is nothing to be named yet.",
): BlackstartError {
  const near = nearest(name, candidates);
  const next = candidates.length === 0 ? whenNone : "Use one of the names that exist.";
  return new BlackstartError("UNKNOWN_NAME", {
    what: `There is no ${kind} “${name}”.${didYouMean(name, candidates)}`,
    why: candidates.length === 0 ? "There is none at all." : `There ${list(candidates)}.`,
    next: near === undefined ? next : `Use “${near}”, if that is what you meant.`,
    details: { name, candidates: candidates.slice(0, 50), ...(near === undefined ? {} : { nearest: near }) },
  });
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return `${names.length === 1 ? "is" : "are"} ${shown}${names.length > 10 ? ` and ${names.length - 10} more` : ""}`;
}

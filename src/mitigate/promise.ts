import type { Cluster } from "../system/schema.ts";
import { isSynchronousName, type SynchronousNames } from "../drivers/postgres/synchronous-names.ts";
import type { ClusterFacts, NodeFacts } from "./cluster-facts.ts";
import { promiseOf } from "./loss.ts";

/** A standby that may be named in synchronous_standby_names. A type of data: it stands in steps. */
export type Member = Readonly<{ node: string; name: string }>;

/** How many standbys a commit shall wait for, which, and in what order of preference. */
export type Promised = Readonly<{
  count: number;
  method: "first" | "any";
  members: readonly Member[];
  everyone: boolean;
}>;

/**
 * What shall hold once another node is the primary. The count is the file's; where the file asks for none, the last
 * primary's. Those that were meant to be synchronous come first, then the last primary, then the rest.
 */
export function promisedAfter(cluster: Cluster, facts: ClusterFacts, primary: NodeFacts): Promised {
  const names = promiseOf(primary)?.names;
  const count = cluster.synchronous > 0 ? cluster.synchronous : (names?.count ?? 0);
  const rank = (node: NodeFacts) => (isMeant(names, node) ? 0 : node.node === primary.node ? 1 : 2);
  const members = [...facts.nodes]
    .sort((a, b) => rank(a) - rank(b))
    .map((one) => ({ node: one.node, name: one.applicationName }));
  return { count, method: names?.method ?? "first", members, everyone: names?.names.includes("*") ?? false };
}

/** Whether the last primary waited for this node. */
export function isMeant(names: SynchronousNames | undefined, node: NodeFacts): boolean {
  return names !== undefined && isSynchronousName(names, node.applicationName);
}

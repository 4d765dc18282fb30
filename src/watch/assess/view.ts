import { hostAndPort } from "../../system/address.ts";
import type { Cluster, System } from "../../system/schema.ts";
import type { Facts, Moment, NodeCondition, NodeFacts } from "../facts.ts";

/** One cluster as its nodes were last seen; what every judgement about it starts from. */
export type ClusterView = Readonly<{
  name: string;
  cluster: Cluster;
  heartbeatMs: number;
  now: Moment;
  /** In the order of the system file; without those that belong to another cluster. */
  nodes: readonly NodeFacts[];
  foreign: readonly NodeFacts[];
  /** Up, and writable. More than one is a split brain. */
  primaries: readonly NodeFacts[];
  /** Up, and in recovery. */
  standbys: readonly NodeFacts[];
  /** Not up now, and the last to answer as a primary; only while no other is one. */
  lostPrimary: NodeFacts | undefined;
}>;

export function viewOf(system: System, name: string, cluster: Cluster, facts: Facts, now: Moment): ClusterView {
  const all = Object.keys(cluster.nodes)
    .map((node) => facts.nodes.find((one) => one.cluster === name && one.node === node))
    .filter((one) => one !== undefined);
  const own = ownIdentifier(all);
  const isForeign = (one: NodeFacts) => one.identity !== undefined && one.identity.systemIdentifier !== own;
  const nodes = all.filter((one) => !isForeign(one));
  const up = nodes.filter((one) => one.condition.kind === "up" && one.pulse !== undefined);
  const primaries = up.filter((one) => one.pulse?.role === "primary");
  return {
    name,
    cluster,
    heartbeatMs: system.watch.heartbeat,
    now,
    nodes,
    foreign: all.filter(isForeign),
    primaries,
    standbys: up.filter((one) => one.pulse?.role === "standby"),
    lostPrimary: primaries.length > 0 ? undefined : lostPrimaryOf(nodes),
  };
}

/** The system identifier that most nodes have; between equals, that of the node named first. */
function ownIdentifier(nodes: readonly NodeFacts[]): string | undefined {
  const known = nodes.map((one) => one.identity?.systemIdentifier).filter((one) => one !== undefined);
  const countOf = (identifier: string) => known.filter((one) => one === identifier).length;
  return known.reduce<string | undefined>(
    (best, one) => (best === undefined || countOf(one) > countOf(best) ? one : best),
    undefined,
  );
}

function lostPrimaryOf(nodes: readonly NodeFacts[]): NodeFacts | undefined {
  return nodes
    .filter((one) => one.condition.kind !== "up" && one.pulse?.role === "primary")
    .toSorted((a, b) => (b.lastPrimary?.ms ?? 0) - (a.lastPrimary?.ms ?? 0))[0];
}

export function isDead(one: NodeFacts): boolean {
  const { kind } = one.condition;
  return kind === "down" || kind === "hanging" || kind === "unreachable";
}

/** 53300 too_many_connections: the clients are refused as well, not only we. */
export function isExhausted(condition: NodeCondition): boolean {
  return condition.kind === "refused" && condition.sqlstate === "53300";
}

/** Sees a node that we cannot reach alive through a standby that has heard from it since. */
export function aliveFor(view: ClusterView, lost: NodeFacts): NodeFacts | undefined {
  if (lost.lastGood === undefined) return view.standbys.find((one) => one.pulse?.receiver?.status === "streaming");
  // Later than the last heartbeat it could have answered, with something to spare.
  const silentSinceMs = Math.max(lost.since.ms, lost.lastGood.ms + view.heartbeatMs * 0.5);
  return view.standbys.find((one) => {
    const age = one.pulse?.receiver?.lastMessageAgeMs ?? null;
    return age !== null && one.lastGood !== undefined && one.lastGood.ms - age > silentSinceMs;
  });
}

/** The node of this name under which a sender knows it: by its own account, else by its address, else by its name. */
export function nodeOfSender(
  nodes: readonly NodeFacts[],
  cluster: Cluster,
  sender: { applicationName: string | null; clientAddress: string | null },
): NodeFacts | undefined {
  const only = (matching: readonly NodeFacts[]) => (matching.length === 1 ? matching[0] : undefined);
  const name = sender.applicationName?.toLowerCase();
  return (
    only(nodes.filter((one) => name !== undefined && one.pulse?.replicationName?.toLowerCase() === name)) ??
    only(nodes.filter((one) => one.node.toLowerCase() === name)) ??
    only(nodes.filter((one) => sender.clientAddress !== null && hostOf(cluster, one.node) === sender.clientAddress))
  );
}

function hostOf(cluster: Cluster, node: string): string | undefined {
  const url = cluster.nodes[node]?.url;
  return url === undefined ? undefined : hostAndPort(url)?.host;
}

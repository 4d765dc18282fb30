import { type Claimant, nodesBehind } from "../../drivers/postgres/names.ts";
import { endpointsOf, readEndpoint } from "../../drivers/postgres/endpoints.ts";
import { hostAndPort } from "../../system/address.ts";
import type { Cluster, System } from "../../system/schema.ts";
import { placeOf } from "../../timeline/promise-record.ts";
import type { Facts, Moment, NodeCondition, NodeFacts, PromiseFacts, Sender } from "../facts.ts";

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
  /** What a plan has set on the primary. */
  promise: PromiseFacts | undefined;
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
    promise: primaries[0] && facts.promises?.get(placeOf(primaries[0])),
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
  const witnesses = view.standbys.filter((one) => !hearsAnother(view, lost, one));
  if (lost.lastGood === undefined) return witnesses.find(({ pulse }) => pulse?.receiver?.heard === true);
  // Later than the last heartbeat it could have answered, with something to spare.
  const silentSinceMs = Math.max(lost.since.ms, lost.lastGood.ms + view.heartbeatMs * 0.5);
  return witnesses.find((one) => {
    const age = one.pulse?.receiver?.lastMessageAgeMs ?? null;
    return age !== null && one.lastGood !== undefined && one.lastGood.ms - age > silentSinceMs;
  });
}

/** In a cascade: the messages that it receives are those of another standby. */
function hearsAnother(view: ClusterView, lost: NodeFacts, standby: NodeFacts): boolean {
  const aimedAt = standby.pulse?.aimedAt ?? null;
  return view.standbys.some(
    (other) =>
      other !== lost &&
      other !== standby &&
      (isAimedAt(view, aimedAt, other.node) ||
        // The address by which it replicates may be another than the one that we know.
        placedSenders(view, other).some(({ nodes }) => nodes.includes(standby))),
  );
}

/** A row of a sender, with the nodes that can be behind it; see `nodesBehind`. */
export type PlacedSender = Readonly<{ row: Sender; nodes: readonly NodeFacts[] }>;

export function placedSenders(view: ClusterView, sender: NodeFacts): readonly PlacedSender[] {
  const rows = sender.pulse?.senders ?? [];
  const others = view.nodes.filter((one) => one !== sender);
  const claimants = others.map(
    (one): Claimant => ({
      node: one.node,
      host: hostAndPort(view.cluster.nodes[one.node]?.url ?? "")?.host ?? null,
      name: one.pulse?.replicationName ?? null,
      slot: one.pulse?.receiver?.slotName ?? null,
      streamsHere: streamsHere(view, sender, one),
    }),
  );
  const behind = nodesBehind(rows, claimants);
  return rows.map((row, at) => ({ row, nodes: others.filter(({ node }) => behind[at]?.includes(node)) }));
}

/** As it is written; a name that leads there all the same is not known to, and what several declare is none of them. */
function isAimedAt({ cluster }: ClusterView, aimedAt: string | null, node: string): boolean {
  if (aimedAt === null) return false;
  const one = readEndpoint(aimedAt);
  const there = Object.entries(cluster.nodes).filter(([, declared]) => endpointsOf(declared).includes(one));
  return there.length === 1 && there[0]?.[0] === node;
}

function streamsHere(view: ClusterView, sender: NodeFacts, one: NodeFacts): boolean | null {
  // A moment later its connections are gone as well.
  if (one.condition.kind === "down") return view.now.ms - one.since.ms >= 2 * view.heartbeatMs ? false : null;
  if (one.condition.kind !== "up" || one.pulse === undefined) return null;
  const { role, wantsStreaming, aimedAt } = one.pulse;
  if (isAimedAt(view, aimedAt, sender.node)) return true;
  const isElsewhere =
    role === "primary" ||
    wantsStreaming === false ||
    view.nodes.some((other) => other !== one && isAimedAt(view, aimedAt, other.node));
  // The sender was looked at a moment before, or after: one that has just been led elsewhere is in both places.
  const lasts = one.aimedSince !== undefined && view.now.ms - one.aimedSince.ms >= 2 * view.heartbeatMs;
  return isElsewhere && lasts ? false : null;
}

/** A manager keeps copies of the slots on its standbys, and moves them on. */
export function isManaged(view: ClusterView): boolean {
  return view.cluster.manager !== "none";
}

import type { WalEnd } from "../drivers/postgres/history.ts";
import { type AnsweringNode, type ClusterFacts, endOf, type NodeFacts, standbysOf } from "./cluster-facts.ts";
import { type Stranger, strangerOf, upstreamOf } from "./source.ts";
import { type Lines, sortByLine } from "./lines.ts";

/* Which node was the primary last, while none answers as one; and who holds what it wrote. */

/**
 * What is remembered may be older than the last failover; whom the standbys followed may be a standby itself (a cascade),
 * or a primary of long ago. Only a standby on a line that goes on from the remembered one knows of a promotion that the
 * memory does not.
 */
export function lastPrimaryOf(facts: ClusterFacts): NodeFacts | undefined {
  const remembered = latest(
    facts.nodes.filter((one) => one.remembered?.role === "primary" && one.observation === undefined),
    (one) => one.remembered,
  );
  const line = remembered === undefined ? undefined : lineOf(remembered);
  const followed = linesAfter(facts, line)
    .onLine.filter(({ end }) => line === undefined || hasAncestor(end, line.timelineId))
    .map(({ facts: standby }) => upstreamOf(facts, standby))
    .filter((node) => node !== undefined && node.observation?.role !== "standby");
  const counts = new Map<NodeFacts, number>();
  for (const node of followed) if (node) counts.set(node, (counts.get(node) ?? 0) + 1);
  const byStandbys = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  return byStandbys ?? promotedUnseen(facts, remembered, line) ?? remembered ?? unanswering(facts);
}

/** As plans left it, which is less than what was seen. */
function unanswering(facts: ClusterFacts): NodeFacts | undefined {
  return facts.nodes.find((one) => one.node === facts.primaryInPlans && one.observation === undefined);
}

/** The node that was the primary last, as it is remembered or plans left it; it may be a standby by now. */
export function knownPrimary(facts: ClusterFacts): NodeFacts | undefined {
  const remembered = latest(
    facts.nodes.filter((one) => one.remembered?.role === "primary"),
    (one) => one.remembered,
  );
  return remembered ?? facts.nodes.find((one) => one.node === facts.primaryInPlans);
}

/** Where the primary was last among those that answer as standbys: the one that is known, else the one that most follow. */
export function lastAmongStandbys(facts: ClusterFacts): AnsweringNode | undefined {
  const standbys = standbysOf(facts);
  const known = knownPrimary(facts);
  if (known !== undefined) return standbys.find((one) => one === known);
  const followed = standbys.flatMap((one) => upstreamOf(facts, one)?.node ?? []);
  const count = ({ node }: NodeFacts) => followed.filter((one) => one === node).length;
  return standbys.filter((one) => count(one) > 0).toSorted((a, b) => count(b) - count(a))[0];
}

/**
 * The servers that the file does not declare, and of which one may be the primary: to promote a node then makes a second.
 * One to which nothing leads any more is none, where a declared node is known to have been the primary.
 */
export function strangersOf(facts: ClusterFacts): readonly (Stranger & Readonly<{ node: string }>)[] {
  const isKnown = knownPrimary(facts) !== undefined;
  return standbysOf(facts).flatMap((one) => {
    const stranger = strangerOf(facts, one);
    return stranger === undefined || (!stranger.streams && isKnown) ? [] : [{ node: one.node, ...stranger }];
  });
}

/**
 * One that is silent, is no standby, and whose files show a line that went on from the remembered primary's: it was
 * promoted while nobody looked, and no standby followed it.
 */
function promotedUnseen(
  facts: ClusterFacts,
  remembered: NodeFacts | undefined,
  line: WalEnd | undefined,
): NodeFacts | undefined {
  if (line === undefined) return undefined;
  const later = facts.nodes.filter(
    ({ observation, instance, onDisk }) =>
      observation === undefined &&
      instance?.standbySignal === false &&
      onDisk !== undefined &&
      hasAncestor(onDisk, line.timelineId),
  );
  return later
    .filter((one) => one !== remembered)
    .reduce<NodeFacts | undefined>((best, one) => {
      const before = best?.onDisk;
      return before === undefined || (one.onDisk && hasAncestor(one.onDisk, before.timelineId)) ? one : best;
    }, undefined);
}

/**
 * The line of history on which a server wrote or received last: asked, else read from its files, else remembered; what is
 * remembered, where that goes on from its files.
 */
export function lineOf(node: NodeFacts): WalEnd | undefined {
  if (node.observation !== undefined) return endOf(node as AnsweringNode);
  const { onDisk, remembered } = node;
  const known = remembered === undefined ? undefined : rememberedLine(remembered);
  if (onDisk === undefined || (known !== undefined && hasAncestor(known, onDisk.timelineId))) return known;
  return onDisk;
}

export function rememberedLine({ timelineId, ancestors }: NonNullable<NodeFacts["remembered"]>): WalEnd {
  return { timelineId, ancestors: timelineId === 1 ? [] : ancestors, lsn: ancestors?.at(-1)?.endLsn ?? "0/0" };
}

/** The line of the node that was seen as a primary last; undefined where none ever was. */
export function lineWrittenLast(facts: ClusterFacts): WalEnd | undefined {
  const memories = facts.nodes.flatMap((one) => one.asPrimary ?? []);
  const last = latest(memories, (one) => one);
  return last === undefined ? undefined : rememberedLine(last);
}

export type StandbyHolder = Readonly<{ node: string; end: WalEnd; facts: AnsweringNode }>;

/** The standbys that answer, sorted by the line on which this primary wrote. */
export function linesOf(facts: ClusterFacts, primary: NodeFacts): Lines<StandbyHolder> {
  return linesAfter(facts, wasPrimary(primary) ? lineOf(primary) : undefined);
}

export function linesAfter(facts: ClusterFacts, line: WalEnd | undefined): Lines<StandbyHolder> {
  return sortByLine(
    standbysOf(facts).map((one) => ({ node: one.node, end: endOf(one), facts: one })),
    line,
  );
}

/** The standbys that hold the line of this primary, the furthest first. */
export function currentStandbysOf(facts: ClusterFacts, primary: NodeFacts): readonly AnsweringNode[] {
  return linesOf(facts, primary).onLine.map((one) => one.facts);
}

/** Its files show a line of its own only where it was no standby. */
function wasPrimary(node: NodeFacts): boolean {
  return (
    node.observation !== undefined || node.remembered?.role === "primary" || node.instance?.standbySignal === false
  );
}

/** Of several that were primaries: the one whose line goes on from the others', else the one that was seen last. */
export function latest<T>(all: readonly T[], memory: (one: T) => NodeFacts["remembered"] | undefined): T | undefined {
  const isLater = (a: T, b: T) => {
    const [one, other] = [memory(a), memory(b)];
    if (one === undefined || other === undefined) return one !== undefined;
    if (hasAncestor(rememberedLine(one), other.timelineId)) return true;
    if (hasAncestor(rememberedLine(other), one.timelineId)) return false;
    return (one.position ?? 0) > (other.position ?? 0);
  };
  return all.reduce<T | undefined>((best, one) => (best === undefined || isLater(one, best) ? one : best), undefined);
}

export function hasAncestor({ ancestors }: WalEnd, timelineId: number): boolean {
  return ancestors?.some((one) => one.timelineId === timelineId) ?? false;
}

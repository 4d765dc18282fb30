import { type WalEnd, wasLeftFor } from "../drivers/postgres/history.ts";
import { type ClusterFacts, type NodeFacts, nodeFacts } from "./cluster-facts.ts";
import { lineOf } from "./old-primary.ts";

/** What a plan knows of its election, or of the switchover that stands in its place. */
export type Elected = Readonly<{
  node: string;
  /** The timeline that it was on then; undefined while it is being elected. */
  timelineId?: number;
  /** The old primary, which the plan has fenced or stopped. */
  old?: string;
  /** Where the plan stands in the timeline of events. */
  plannedAt: number;
  /** On which timeline each node was when the plan was made: a branch that was there then is not of since. */
  timelines?: Readonly<Record<string, number>>;
}>;

/** As `Elected.timelines`; without those of which it cannot be told. */
export function timelinesNow({ nodes }: ClusterFacts): Readonly<Record<string, number>> {
  return Object.fromEntries(
    nodes.flatMap((one): [string, number][] => {
      const line = knownLine(one);
      return line === undefined ? [] : [[one.node, line.timelineId]];
    }),
  );
}

/** `isSeen`: it is certain that one was; otherwise it cannot be told that none was. `why`: in words. */
export type Overtaken = Readonly<{ isSeen: boolean; why: string }>;

/**
 * Whether another node may have been the primary since: what it acknowledged the elected one lacks, and the plan's verdict
 * on loss does not count. Undefined: none was. Whether one takes writes now is not asked here. Pure.
 */
export function promotedSince(facts: ClusterFacts, elected: Elected): Overtaken | undefined {
  const { node, timelineId, old, plannedAt, timelines = {} } = elected;
  const seen = facts.nodes.find((one) => one.node !== old && wasPrimaryAfter(one, plannedAt));
  if (seen !== undefined) return { isSeen: true, why: `${seen.node} was seen as the primary since this plan was made` };
  const end = knownLine(nodeFacts(facts, node));
  if (end === undefined) return { isSeen: false, why: `on which timeline ${node} is by now cannot be told` };
  if (timelineId !== undefined && end.timelineId !== timelineId)
    return {
      isSeen: true,
      why: `${node} was on timeline ${timelineId} when it was elected, and is on timeline ${end.timelineId} by now`,
    };
  const others = facts.nodes.flatMap((other) =>
    other.node === node ? [] : (besides(other, { node, end, before: timelines[other.node] }) ?? []),
  );
  return others.find(({ isSeen }) => isSeen) ?? others[0];
}

/** @param end of the elected one; @param before the timeline of the other when the plan was made */
function besides(
  other: NodeFacts,
  { node, end, before }: Readonly<{ node: string; end: WalEnd; before: number | undefined }>,
): Overtaken | undefined {
  const its = knownLine(other);
  if (its === undefined)
    return { isSeen: false, why: `on which timeline ${other.node} is cannot be told: it may have been promoted` };
  if (its.timelineId === before || !wasLeftFor(end, its)) return undefined;
  if (its.timelineId < end.timelineId && end.ancestors === undefined)
    return {
      isSeen: false,
      why: `whether ${node} (timeline ${end.timelineId}) went on from timeline ${its.timelineId}, on which ${other.node} is, cannot be told`,
    };
  const why = `${other.node} is on timeline ${its.timelineId}, which is not the line of ${node} (timeline ${end.timelineId})`;
  return { isSeen: true, why };
}

/** One that is the primary now is found by asking who takes writes. */
function wasPrimaryAfter({ observation, asPrimary }: NodeFacts, plannedAt: number): boolean {
  return observation?.role !== "primary" && (asPrimary?.position ?? 0) > plannedAt;
}

/** Not by what is remembered alone: it may have been promoted while nobody looked. */
function knownLine(node: NodeFacts | undefined) {
  return node?.walEnd === undefined && node?.onDisk === undefined ? undefined : lineOf(node);
}

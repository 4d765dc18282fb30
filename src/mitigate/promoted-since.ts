import { wasLeftFor } from "../drivers/postgres/history.ts";
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
}>;

/**
 * Why another node may have been the primary since: what it acknowledged the elected one lacks, and the plan's verdict on
 * loss does not count. Undefined: none was. Whether one takes writes now is not asked here. Pure.
 */
export function promotedSince(facts: ClusterFacts, elected: Elected): string | undefined {
  const { node, timelineId, old, plannedAt } = elected;
  const seen = facts.nodes.find((one) => one.node !== old && wasPrimaryAfter(one, plannedAt));
  if (seen !== undefined) return `${seen.node} was seen as the primary since this plan was made`;
  const end = knownLine(nodeFacts(facts, node));
  if (end === undefined) return `on which timeline ${node} is by now cannot be told`;
  if (timelineId !== undefined && end.timelineId !== timelineId)
    return `${node} was on timeline ${timelineId} when it was elected, and is on timeline ${end.timelineId} by now`;
  for (const other of facts.nodes.filter((one) => one.node !== node)) {
    const its = knownLine(other);
    if (its === undefined) return `on which timeline ${other.node} is cannot be told: it may have been promoted`;
    if (wasLeftFor(end, its))
      return `${other.node} is on timeline ${its.timelineId}, which is not the line of ${node} (timeline ${end.timelineId})`;
  }
  return undefined;
}

/** One that is the primary now is found by asking who takes writes. */
function wasPrimaryAfter({ observation, asPrimary }: NodeFacts, plannedAt: number): boolean {
  return observation?.role !== "primary" && (asPrimary?.position ?? 0) > plannedAt;
}

/** Not by what is remembered alone: whoever promoted it may have done so while nobody looked. */
function knownLine(node: NodeFacts | undefined) {
  return node?.walEnd === undefined && node?.onDisk === undefined ? undefined : lineOf(node);
}

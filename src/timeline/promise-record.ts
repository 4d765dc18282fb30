import type { Instant } from "../base/time.ts";
import { readAll } from "./read-all.ts";
import type { Timeline } from "./timeline.ts";

/**
 * For which standbys commits wait on a primary since a plan set it, and for which they were meant to: in the stream
 * `cluster/<name>`. While the two differ, the promise of durability is lowered; it holds as long as `setting` is in force.
 * It is recorded before it is set, and again once it is in force.
 */
export type PromiseRecord = Readonly<{
  cluster: string;
  node: string;
  /** Texts of synchronous_standby_names. */
  setting: string;
  meant: string;
  plan: string;
  /** What it was about to replace. Until the next record on this node, either of the two may be in force. */
  replaces?: string;
  /** It was set on a standby that was about to be promoted: it has been in force only if that came to it. */
  beforePromotion?: true;
}>;

/** `at`: when a plan set it; `position`: its place in the timeline. */
export type DatedPromise = PromiseRecord & Readonly<{ at: Instant; position: number }>;

export const promiseSet = "promise.set";

/** The last one on each node, by cluster and node: `ledger/pg1`. */
export async function readPromises(
  timeline: Timeline,
  clusters: readonly string[],
): Promise<ReadonlyMap<string, DatedPromise>> {
  const all = await Promise.all(clusters.map((cluster) => promisesOfNodes(timeline, cluster)));
  return new Map(all.flat().map((record) => [placeOf(record), record]));
}

export function placeOf({ cluster, node }: Readonly<{ cluster: string; node: string }>): string {
  return `${cluster}/${node}`;
}

/** The last one on each node. */
export async function promisesOfNodes(timeline: Timeline, cluster: string): Promise<readonly DatedPromise[]> {
  const events = (await readAll(timeline, { stream: `cluster/${cluster}` })).filter(({ kind }) => kind === promiseSet);
  const all = events.map(({ data, at, position }) => ({ ...(data as unknown as PromiseRecord), at, position }));
  return all.filter((one, index) => !all.slice(index + 1).some(({ node }) => node === one.node));
}

import type { Instant } from "../base/time.ts";
import { readAll } from "./read-all.ts";
import type { Timeline } from "./timeline.ts";

/**
 * For which standbys commits wait on a primary since a plan set it, and for which they were meant to: in the stream
 * `cluster/<name>`. While the two differ, the promise of durability is lowered; it holds as long as `setting` is in force.
 */
export type PromiseRecord = Readonly<{
  cluster: string;
  node: string;
  /** Texts of synchronous_standby_names. */
  setting: string;
  meant: string;
  plan: string;
}>;

/** `at`: when a plan set it; `position`: its place in the timeline. */
export type DatedPromise = PromiseRecord & Readonly<{ at: Instant; position: number }>;

export const promiseSet = "promise.set";

/** The last one of each cluster. */
export async function readPromises(
  timeline: Timeline,
  clusters: readonly string[],
): Promise<ReadonlyMap<string, DatedPromise>> {
  const all = await Promise.all(clusters.map((cluster) => readAll(timeline, { stream: `cluster/${cluster}` })));
  const last = all.flatMap((events) => {
    const event = events.findLast(({ kind }) => kind === promiseSet);
    return event === undefined
      ? []
      : [{ ...(event.data as unknown as PromiseRecord), at: event.at, position: event.position }];
  });
  return new Map(last.map((record) => [record.cluster, record]));
}

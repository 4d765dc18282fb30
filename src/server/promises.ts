import { type Clock, systemClock } from "../base/time.ts";
import type { System } from "../system/schema.ts";
import { followed } from "../timeline/follow.ts";
import { placeOf, type PromiseRecord, promiseSet, readPromises } from "../timeline/promise-record.ts";
import type { Timeline } from "../timeline/timeline.ts";
import type { PromiseFacts } from "../watch/facts.ts";
import { momentOf } from "../watch/node/node-watch.ts";

/** What plans set for whom commits wait, kept up to date until the signal; see `PromiseRecord`. */
export async function followPromises(options: {
  system: System;
  timeline: Timeline;
  signal: AbortSignal;
  clock?: Clock;
  /** Told when it cannot be read; it is tried again. */
  failed(error: unknown): void;
}): Promise<ReadonlyMap<string, PromiseFacts>> {
  const { system, timeline, signal, clock = systemClock } = options;
  const from = await timeline.position();
  const known = new Map<string, PromiseFacts>();
  const learn = (record: PromiseRecord) => known.set(placeOf(record), { ...record, since: momentOf(clock) });
  for (const record of (await readPromises(timeline, Object.keys(system.clusters))).values()) learn(record);
  const follow = async () => {
    for await (const event of followed(timeline, from, signal, options.failed))
      if (event.kind === promiseSet) learn(event.data as unknown as PromiseRecord);
  };
  void follow();
  return known;
}

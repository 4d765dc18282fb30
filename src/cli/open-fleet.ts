import { createFleet, type Fleet } from "../drivers/fleet.ts";
import type { System } from "../system/schema.ts";
import type { ObservationEvent } from "../timeline/observation.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Timeline } from "../timeline/timeline.ts";

type Observed = ObservationEvent["data"];

/** The servers and machines of the system; what a dead one no longer says is taken from when it was last seen. */
export async function openFleet(system: System, timeline: Timeline): Promise<Fleet> {
  const clusters = new Map<string, Promise<ReadonlyMap<string, Observed>>>();
  return createFleet(system, async (cluster, node) => {
    const known = clusters.get(cluster) ?? lastObserved(timeline, cluster);
    clusters.set(cluster, known);
    return (await known).get(node);
  });
}

/** What was last seen of each node of a cluster. */
export async function lastObserved(timeline: Timeline, cluster: string): Promise<ReadonlyMap<string, Observed>> {
  const events = await readAll(timeline, { stream: `cluster/${cluster}` });
  const observed = events.filter(({ kind }) => kind === "node.observed").map(({ data }) => data as unknown as Observed);
  return new Map(observed.map((data) => [data.node, data]));
}

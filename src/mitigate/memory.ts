import type { ObservationEvent } from "../timeline/observation.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Timeline } from "../timeline/timeline.ts";
import type { NodeFacts, Remembered } from "./cluster-facts.ts";

/* What the watch has stored of the nodes while they were well. */

/** The last observation of each node. */
export async function rememberedOf(timeline: Timeline, cluster: string): Promise<ReadonlyMap<string, Remembered>> {
  return byNode(await observations(timeline, cluster));
}

async function observations(timeline: Timeline, cluster: string): Promise<readonly Remembered[]> {
  const events = await readAll(timeline, { stream: `cluster/${cluster}` });
  return events
    .filter((event) => event.kind === "node.observed")
    .map(({ data, position }) => ({ ...(data as unknown as ObservationEvent["data"]), position }));
}

/** The last one of each. */
function byNode(all: readonly Remembered[]): ReadonlyMap<string, Remembered> {
  return new Map(all.map((data) => [data.node, data]));
}

export type Memory = Pick<NodeFacts, "remembered" | "asPrimary">;

export async function memoriesOf(timeline: Timeline, cluster: string): Promise<(node: string) => Memory> {
  const all = await observations(timeline, cluster);
  const [last, lastAsPrimary] = [byNode(all), byNode(all.filter(({ role }) => role === "primary"))];
  return (node) => {
    const [remembered, asPrimary] = [last.get(node), lastAsPrimary.get(node)];
    return { ...(remembered && { remembered }), ...(asPrimary && { asPrimary }) };
  };
}

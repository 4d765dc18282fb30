import { listPlans, type PlanStatus } from "../plan/status.ts";
import type { ObservationEvent } from "../timeline/observation.ts";
import { readAll } from "../timeline/read-all.ts";
import type { Timeline } from "../timeline/timeline.ts";
import type { NodeFacts, Remembered } from "./cluster-facts.ts";

/* What the watch has stored of the nodes while they were well; and what plans have done to them. */

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

/** The node that the plans of this cluster have fenced, handed over from or promoted last: the primary, then or since. */
export async function primaryInPlans(timeline: Timeline, cluster: string): Promise<string | undefined> {
  const seen = (await listPlans(timeline)).flatMap((plan) => primariesIn(plan, cluster));
  return seen.reduce<Seen | undefined>((last, one) => (last === undefined || one.at >= last.at ? one : last), undefined)
    ?.node;
}

type Seen = Readonly<{ node: string; at: string }>;

function primariesIn({ steps }: PlanStatus, cluster: string): readonly Seen[] {
  const elected = steps.find(({ step }) => step.kind === "postgres.elect");
  return steps.flatMap((one): readonly Seen[] => {
    const { kind, parameters } = one.step;
    if (one.state !== "done" || parameters.cluster !== cluster) return [];
    const named = typeof parameters.node === "string" ? parameters.node : undefined;
    // Of two primaries, the one that was kept.
    const fenced = typeof parameters.keeps === "string" ? parameters.keeps : named;
    const promoted = named ?? (elected?.state === "done" ? elected.outcome.node : undefined);
    const node = kind === "postgres.promote" ? promoted : isEnding.has(kind) ? fenced : undefined;
    return typeof node === "string" ? [{ node, at: one.at }] : [];
  });
}

const isEnding: ReadonlySet<string> = new Set(["postgres.fence", "postgres.hand-over"]);

import { BlackstartError } from "../base/error.ts";
import { isDown } from "../drivers/postgres/instance.ts";
import { observeNode } from "../drivers/postgres/observe.ts";
import { type AnsweringNode, type ClusterFacts, type NodeFacts, primariesOf } from "./cluster-facts.ts";
import type { MitigationContext } from "./context.ts";
import { lastPrimaryOf } from "./old-primary.ts";
import { sourceOf } from "./source.ts";
import { sessionsOf } from "./sessions.ts";

/*
 * A primary that does not answer us may be alive for its standbys: then only the way from here is cut. A receiver that
 * streams is no proof, for it does so for a minute after the machine at the other end lost its power; a message that came
 * after our own attempt had begun is one.
 */

/** The facts, with the standbys that have heard from the primary since it was asked. @param askedMs how long ago that began */
export async function withWitnesses(
  context: MitigationContext,
  facts: ClusterFacts,
  askedMs: () => number,
): Promise<ClusterFacts> {
  const primary = primariesOf(facts).length > 0 ? undefined : lastPrimaryOf(facts);
  if (primary === undefined || primary.observation !== undefined || !mayLive(primary)) return facts;
  const nodes = facts.nodes.map(async (one): Promise<NodeFacts> => {
    const from = isStreaming(one) ? mayReceiveFrom(facts, one, primary) : undefined;
    if (from === undefined || !(await hearsNow(context, facts.cluster, one as AnsweringNode, askedMs))) return one;
    return { ...one, ...from };
  });
  return { ...facts, nodes: await Promise.all(nodes) };
}

function isStreaming({ observation }: NodeFacts): boolean {
  return observation?.role === "standby" && observation.receiver?.status === "streaming";
}

/** Pure. Undefined: from somebody else, or from nobody. */
export function mayReceiveFrom(
  facts: ClusterFacts,
  standby: NodeFacts,
  primary: NodeFacts,
): Pick<NodeFacts, "hears" | "hearsSomebody"> | undefined {
  const source = sourceOf(facts, standby as AnsweringNode);
  if (source.kind === "node") return source.node === primary ? { hears: primary.node } : undefined;
  if (source.kind === "nobody" || !(source.address !== undefined || source.nodes.includes(primary))) return undefined;
  return { hearsSomebody: source.address ?? source.nodes.map(({ node }) => node).join(" or ") };
}

/** Its host does not see why it is silent; one that sees it down may look at another machine, or another directory. */
function mayLive({ reach, instance }: NodeFacts): boolean {
  // A firewall may refuse us in its place.
  if (reach === "closed") return instance?.state === "running";
  if (reach !== "silent") return false;
  return instance === undefined || isDown(instance) || instance.state === "running";
}

async function hearsNow(
  { fleet }: MitigationContext,
  cluster: string,
  { node }: AnsweringNode,
  askedMs: () => number,
): Promise<boolean> {
  try {
    const { receiver } = await sessionsOf(fleet).use(cluster, node, (connection) => observeNode(connection));
    const age = receiver?.lastMessageAgeMs ?? null;
    return receiver?.status === "streaming" && age !== null && age < askedMs();
  } catch (error) {
    // It went away: it is no witness.
    if (error instanceof BlackstartError) return false;
    throw error;
  }
}

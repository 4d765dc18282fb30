import { BlackstartError } from "../base/error.ts";
import { askStall } from "../drivers/postgres/synchronous-wait.ts";
import { type ClusterFacts, primariesOf } from "./cluster-facts.ts";
import type { MitigationContext } from "./context.ts";
import { sessionsOf } from "./sessions.ts";

/** Whether commits hang on the one primary for want of a confirmation. */
export async function withStall(context: MitigationContext, facts: ClusterFacts): Promise<ClusterFacts> {
  const [primary, another] = primariesOf(facts);
  if (primary === undefined || another !== undefined) return facts;
  try {
    const stall = await sessionsOf(context.fleet).use(facts.cluster, primary.node, (one) => askStall(one));
    if (stall === undefined) return facts;
    return { ...facts, nodes: facts.nodes.map((one) => (one === primary ? { ...one, stall } : one)) };
  } catch (error) {
    // It answered a moment ago: what it said then stands.
    if (error instanceof BlackstartError) return facts;
    throw error;
  }
}

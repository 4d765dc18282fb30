import { BlackstartError } from "../base/error.ts";
import { type FollowReason, followReasonIn } from "../drivers/postgres/follow-reason.ts";
import { type Following, followingText } from "../drivers/postgres/following.ts";
import type { Instance } from "../drivers/postgres/instance.ts";
import { untilItFollows } from "../drivers/postgres/looks.ts";
import { type ClusterFacts, type NodeFacts, primariesOf, standbysOf } from "./cluster-facts.ts";
import type { MitigationContext } from "./context.ts";
import { sourcesUnder } from "../drivers/postgres/endpoints.ts";
import { clusterOf } from "../system/names.ts";
import { sessionsOf } from "./sessions.ts";

/** A standby of a cluster, and the node that it is to follow. */
export type Pair = Readonly<{ cluster: string; node: string; primary: string }>;

/**
 * How a standby follows: as soon as it does, or after the time, see `untilItFollows`.
 * Throws UNREACHABLE or QUERY_FAILED where one of them does not answer.
 */
export async function followingOf(
  { fleet, system }: Pick<MitigationContext, "fleet" | "system">,
  { cluster, node, primary }: Pair,
  options: Readonly<{ timeoutMs: number; signal?: AbortSignal }>,
): Promise<Following> {
  const sessions = sessionsOf(fleet);
  const open = (name: string) => (more: object) => fleet.connect(cluster, name, more);
  const addresses = sourcesUnder(primary, clusterOf(system, cluster).nodes);
  return sessions.use(cluster, node, (standby) =>
    sessions.use(cluster, primary, (connection) =>
      untilItFollows(
        { connection: standby, open: open(node) },
        { connection, open: open(primary), addresses },
        options,
      ),
    ),
  );
}

/** A receiver that was just started again is there by then. */
const planningTimeoutMs = 500;

/** The facts, with how each standby follows the one primary, where there is one. */
export async function withFollowing(context: MitigationContext, facts: ClusterFacts): Promise<ClusterFacts> {
  const [primary, another] = primariesOf(facts);
  if (primary === undefined || another !== undefined) return facts;
  const standbys = new Set<NodeFacts>(standbysOf(facts));
  const nodes = facts.nodes.map(async (one): Promise<NodeFacts> => {
    if (!standbys.has(one)) return one;
    try {
      const pair = { cluster: facts.cluster, node: one.node, primary: primary.node };
      return { ...one, following: await followingOf(context, pair, { timeoutMs: planningTimeoutMs }) };
    } catch (error) {
      // It answered a moment ago; that it does no longer is nothing that a plan could build on.
      if (error instanceof BlackstartError) return { ...one, following: { kind: "unknown" } };
      throw error;
    }
  });
  return { ...facts, nodes: await Promise.all(nodes) };
}

export type Explained = Readonly<{
  /** As a sentence's end, after the name of the standby. */
  text: string;
  reason?: FollowReason;
}>;

/** Why it does not follow, in the words of its own log where its host can be asked. */
export async function explained(one: Following, instance: Instance | undefined): Promise<Explained> {
  const what = `${followingText(one)}.`;
  if (one.kind === "diverged" || one.kind === "follows-nobody") return { text: what };
  if (instance === undefined)
    return { text: `${what} Its log says why; no host is declared by which Blackstart could read it.` };
  try {
    const { file, lines } = await instance.lastErrors();
    if (lines.length === 0) return { text: `${what} Its log (${file}) names no error since its start.` };
    const reason = followReasonIn(lines);
    const said = `${what} Its log (${file}): ${lines.join(" / ")}`;
    return reason === undefined ? { text: said } : { text: said, reason };
  } catch (error) {
    if (error instanceof BlackstartError) return { text: `${what} Its log could not be read: ${error.message}` };
    throw error;
  }
}

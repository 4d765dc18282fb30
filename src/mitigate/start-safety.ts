import { type WalEnd, wasLeftFor } from "../drivers/postgres/history.ts";
import { isDown, isMarkedStandby } from "../drivers/postgres/instance.ts";
import type { Refusal } from "../plan/plan.ts";
import type { AnsweringNode, ClusterFacts, NodeFacts } from "./cluster-facts.ts";
import { hasAncestor, lastPrimaryOf, lineOf } from "./old-primary.ts";
import { refuse } from "./planning.ts";
import { declareText, type Source, sourceOf } from "./source.ts";

/*
 * Whether a server that is down may be started as a primary. It is a second one where another lives that only we cannot
 * see, and a stale one where another was promoted after it. Who cannot be asked may be either.
 */

/**
 * Pure.
 * @param wasAtWork it was seen to be the primary a moment ago, so nobody was promoted after it: a node that cannot be asked is
 *   not in the way, nor a branch; see `refusedBeside`
 */
export function refuseStart(facts: ClusterFacts, node: NodeFacts, wasAtWork = false): Refusal | undefined {
  for (const other of facts.nodes.filter((one) => one.node !== node.node)) {
    const refusal =
      other.observation === undefined ? whileSilent(facts, other, node) : whileAnswering(facts, other, node);
    if (refusal !== undefined && !(wasAtWork && refusal.rule === "unknown")) return refusal;
    const stale = wasAtWork ? undefined : refuseStale(facts, other, node);
    if (stale !== undefined) return stale;
  }
  return undefined;
}

function whileAnswering(facts: ClusterFacts, other: NodeFacts, node: NodeFacts): Refusal | undefined {
  const { observation, promoting } = other as AnsweringNode;
  if (observation.role === "primary")
    return refuse(
      "one-primary",
      `${other.node} is the primary; ${node.node} would come up as a second one.`,
      `Bring it back as a standby: \`blackstart mitigate rejoin ${facts.cluster}/${node.node}\`.`,
    );
  if (promoting) return refuseBesidePromotion(facts, other.node, node.node);
  const { receiver } = observation;
  if (receiver === null || receiver.status !== "streaming" || receiver.heard === false) return undefined;
  const source = sourceOf(facts, other as AnsweringNode);
  if (source.kind === "unknown") return whileUnknown(other.node, source, node.node);
  // What a standby that answers sends on, another one sent it: that one is asked as well.
  if (source.kind === "nobody" || source.node === node || source.node.observation !== undefined) return undefined;
  const from = source.node.node;
  return refuse(
    "primary-alive",
    `${other.node} streams from ${from}: a primary lives there, though we cannot reach it. ${node.node} would be a second one.`,
    `See that ${from} can be reached from here, then bring ${node.node} back as a standby: \`blackstart mitigate rejoin ${facts.cluster}/${node.node}\`.`,
  );
}

/** It may be another name of a node that was asked, or a primary that the file does not declare. */
function whileUnknown(
  standby: string,
  { address, nodes }: Source & { kind: "unknown" },
  node: string,
): Refusal | undefined {
  if (address === undefined && nodes.every((one) => one.node === node || one.observation !== undefined))
    return undefined;
  const from = address ?? nodes.map((one) => one.node).join(" or ");
  return refuse(
    "primary-alive",
    `${standby} streams from ${from}, and whose address that is cannot be told: a primary may live there, and ${node} would be a second one.`,
    `${declareText(from)} Then ask again.`,
  );
}

/** @param beside the node that would be a second primary then */
export function refuseBesidePromotion(
  { cluster }: Pick<ClusterFacts, "cluster">,
  promoted: string,
  beside: string,
): Refusal {
  return refuse(
    "promotion-pending",
    `The promotion of ${promoted} is pending: it becomes a primary once it has replayed all its WAL, and ${beside} would be a second one.`,
    `Wait until ${promoted} takes writes, then bring ${beside} back as a standby: \`blackstart mitigate rejoin ${cluster}/${beside}\`. If ${beside} is to be the primary, stop ${promoted} first.`,
  );
}

/** Unreachable is not down, and no answer is not a “no”. */
function whileSilent(facts: ClusterFacts, other: NodeFacts, node: NodeFacts): Refusal | undefined {
  const { instance } = other;
  if (instance !== undefined && (isDown(instance) || isMarkedStandby(instance))) return undefined;
  const seen =
    instance === undefined
      ? `its host cannot be asked (${other.hostProblem ?? "no `host:` is declared"})`
      : "its host sees it running, and not as a standby";
  if (instance?.standbySignal) return refuseBesidePromotion(facts, other.node, node.node);
  return refuse(
    "unknown",
    `${other.node} does not answer, and ${seen}: it may be the primary, or have been after ${node.node}.`,
    `Reach ${other.node} or its host first. If you are certain that it is down and was never promoted after ${node.node}, start ${node.node} by hand on its machine.`,
  );
}

/** A primary as well, by its files: two that were promoted at one place have the same history, and each wrote its own. */
function isRival({ observation, instance }: NodeFacts, own: WalEnd, its: WalEnd): boolean {
  const wasPrimary = observation === undefined && instance?.state !== "no-data" && instance?.standbySignal === false;
  return wasPrimary && own.timelineId === its.timelineId;
}

/** Another line that went on from this server's own was written after it. */
function refuseStale(facts: ClusterFacts, other: NodeFacts, node: NodeFacts): Refusal | undefined {
  const [own, its] = [lineOf(node), lineOf(other)];
  if (own === undefined || its === undefined) {
    const which = own === undefined ? node.node : other.node;
    return refuse(
      "unknown",
      `On which timeline ${which} was cannot be told, so neither whether ${node.node} is stale.`,
      `Let Blackstart read it: \`host:\` and \`data:\` of ${which}.`,
    );
  }
  if (!wasLeftFor(own, its) && !isRival(other, own, its)) return undefined;
  // A branch that somebody left beside a primary that was seen to go on.
  if (node.remembered?.role === "primary" && lastPrimaryOf(facts) === node) return undefined;
  return refuse(
    "stale",
    `${other.node} is on timeline ${its.timelineId}, which ${hasAncestor(its, own.timelineId) ? "went on from" : "is another branch than"} the timeline of ${node.node} (${own.timelineId}): another node was the primary after ${node.node}, or beside it.`,
    `Start the node that was the primary last; then bring ${node.node} back as a standby: \`blackstart mitigate rejoin ${facts.cluster}/${node.node}\`.`,
  );
}

import { followingText, keepsUp } from "../../drivers/postgres/following.ts";
import { compareWalEnds } from "../../drivers/postgres/history.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { Cluster, System } from "../../system/schema.ts";
import {
  type AnsweringNode,
  type ClusterFacts,
  endOf,
  type NodeFacts,
  nodeFacts,
  primariesOf,
} from "../cluster-facts.ts";
import { upstreamOf } from "../source.ts";
import { hasAncestor, latest, lineOf } from "../old-primary.ts";
import { isNamed, promisedAfter } from "../promise.ts";
import {
  type Choice,
  declaredCluster,
  hostNextOf,
  type PlanDraft,
  refuse,
  refuseLockedOut,
  refuseManaged,
} from "../planning.ts";
import * as steps from "../step-list.ts";
import { needsPersonFor } from "./serving.ts";

/** A node that is down, or cannot follow, comes back as a standby of the one primary there is. */
export function planRejoin(system: System, facts: ClusterFacts, choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const managed = refuseManaged(cluster, facts.cluster);
  if (managed) return managed;
  const node = choice.node === undefined ? undefined : nodeFacts(facts, choice.node);
  if (node === undefined)
    return refuse(
      "which",
      "Which node is to come back?",
      `Name one of ${facts.nodes.map((one) => one.node).join(", ")}.`,
    );
  const lockedOut = refuseLockedOut(node);
  if (lockedOut !== undefined) return lockedOut;
  const primary = refuseOrPrimary(facts, node.node);
  if ("refused" in primary) return primary;
  const { following } = node;
  const promised = promisedAfter(cluster, facts, primary);
  const follows = following !== undefined && keepsUp(following);
  const aside = follows && isNamed(promised, node.node) ? asideFrom(cluster, facts, node) : undefined;
  if (follows && aside === undefined)
    return refuse("already", `${node.node} ${followingText(following)}.`, "There is nothing to do.");
  if (node.instance === undefined)
    return refuse(
      "host",
      `${node.node} cannot be brought back from here: ${node.hostProblem ?? "no host is declared"}.`,
      hostNextOf(node),
    );
  const later = laterText(facts, node, primary);
  if (later !== undefined && sawLast(facts) === node && !choice.acceptLoss)
    return refuse(
      "stale",
      `${later} ${node.node} was seen as the primary after ${primary.node}.`,
      `If the clients wrote to ${node.node} last: stop ${primary.node}, then start ${node.node} (\`blackstart mitigate restart ${facts.cluster}/${node.node}\`).`,
      "--accept-loss",
    );
  const alone = [later, aloneText(node, primary)].filter((one) => one !== undefined);
  const expected = facts.nodes.filter((one) => one.following !== undefined && keepsUp(one.following));
  return {
    kind: "rejoin",
    ...needsPersonFor(node),
    ...(later === undefined ? {} : { needsPerson: later }),
    subject: { kind: "node", name: `${facts.cluster}/${node.node}` },
    because: [
      aside === undefined
        ? `${node.node} ${following === undefined ? `does not answer: ${node.problem}` : followingText(following)}.`
        : `${node.node} streams from ${aside}, another standby; commits on ${primary.node} are meant to wait for it, which it can confirm only to ${primary.node} itself.`,
    ],
    risk: {
      lossBytes: alone.length === 0 ? 0 : null,
      lossSeconds: alone.length === 0 ? 0 : null,
      downtimeSeconds: 0,
      statements: [
        ...alone,
        `The reason is found first, and only what fits it is done. A server that serves is stopped only where it has diverged, or the WAL that it lacks is gone.`,
        `What ${node.node} alone holds is taken off it only after it was kept beside its data directory.`,
      ],
    },
    steps: [
      { ...steps.rejoinStep(facts.cluster, node.node, primary.node, promised), onFailure: "stop", yields: true },
      ...steps.promiseSteps(facts.cluster, primary.node, promised, {
        seen: primary.observation.settings.synchronousStandbyNames,
      }),
      steps.verifyPromiseStep(facts.cluster, primary.node, promised, [
        ...new Set([...expected.map((one) => one.node), node.node]),
      ]),
    ],
  };
}

/** The standby from which it streams, though the file does not say so. */
function asideFrom(cluster: Cluster, facts: ClusterFacts, node: NodeFacts): string | undefined {
  if (node.observation?.role !== "standby" || cluster.nodes[node.node]?.follows !== undefined) return undefined;
  const upstream = upstreamOf(facts, { ...node, observation: node.observation });
  return upstream?.observation?.role === "standby" ? upstream.node : undefined;
}

/** Its line went on from the primary's: whichever of the two is the branch, only who knows the clients can tell. */
function laterText({ cluster }: ClusterFacts, node: NodeFacts, primary: AnsweringNode): string | undefined {
  const [its, current] = [lineOf(node), lineOf(primary)];
  if (its === undefined || current === undefined || !hasAncestor(its, current.timelineId)) return undefined;
  return `${node.node} is on timeline ${its.timelineId}, which went on from that of ${primary.node} (${current.timelineId}): if ${node.node} was promoted on purpose, ${primary.node} is the stale one, and what the clients of ${cluster} wrote last is on ${node.node} alone.`;
}

/**
 * Beside this primary it took writes, or held them, which the primary never had, and no plan has fenced it: clients may have
 * been told that they were done. One that was shut down in order holds no more than its last checkpoint tells.
 */
function aloneText({ node, observation, instance, onDisk, following }: NodeFacts, primary: AnsweringNode) {
  const text = `What ${node} alone holds may have been acknowledged to clients. It is kept, but ${primary.node} does not have it.`;
  if (observation !== undefined) return following?.kind === "diverged" ? text : undefined;
  if (instance?.standbySignal !== false || instance.state === "no-data") return undefined;
  const end = onDisk?.clusterState === "shut down" ? onDisk : undefined;
  const compared = end && compareWalEnds(end, endOf(primary));
  return compared?.kind === "same-line" && compared.aheadBytes <= 0 ? undefined : text;
}

function sawLast(facts: ClusterFacts): NodeFacts | undefined {
  return latest(facts.nodes, (one) => one.asPrimary);
}

function refuseOrPrimary(facts: ClusterFacts, node: string): AnsweringNode | Refusal {
  const primaries = primariesOf(facts);
  if (primaries.length > 1)
    return refuse(
      "one-primary",
      `${primaries.map((one) => one.node).join(" and ")} both take writes.`,
      "Stop the stale one, which brings it back as well: `blackstart mitigate demote`.",
    );
  const primary = primaries[0];
  if (primary === undefined)
    return refuse(
      "primary-down",
      `No primary of ${facts.cluster} answers, so there is none to follow.`,
      "First `blackstart mitigate failover` or `blackstart mitigate restart`.",
    );
  if (primary.node === node)
    return refuse(
      "primary-alive",
      `${node} is the primary.`,
      "To move the primary elsewhere: `blackstart mitigate switchover`.",
    );
  return primary;
}

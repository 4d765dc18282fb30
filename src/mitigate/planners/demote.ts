import type { Refusal } from "../../plan/plan.ts";
import type { Cluster, System } from "../../system/schema.ts";
import { readEndpoint } from "../../drivers/postgres/endpoints.ts";
import { olderLine } from "../../drivers/postgres/history.ts";
import { type AnsweringNode, type ClusterFacts, endOf, primariesOf, standbysOf } from "../cluster-facts.ts";
import { type Choice, declaredCluster, hostNextOf, type PlanDraft, refuse, refuseManaged } from "../planning.ts";
import { isAddressOf, upstreamOf } from "../source.ts";
import { promisedAfter } from "../promise.ts";
import * as steps from "../step-list.ts";

/**
 * Two nodes take writes. The stale one is stopped, its log and data are kept, and it comes back as a standby.
 * Stale is the one whose timeline the other left; else the one that the clients do not use. Where these two disagree, a
 * person has to say which.
 */
export function planDemote(system: System, facts: ClusterFacts, choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const managed = refuseManaged(cluster, facts.cluster);
  if (managed) return managed;
  const primaries = primariesOf(facts);
  if (primaries.length < 2)
    return refuse(
      "already",
      primaries.length === 0 ? `No node of ${facts.cluster} takes writes.` : `Only ${primaries[0]?.node} takes writes.`,
      "There is nothing to demote.",
    );
  const stale = staleOf(facts, primaries, choice);
  if ("refused" in stale) return stale;
  if (stale.instance === undefined && cluster.fence === undefined)
    return refuse(
      "fence",
      `${stale.node} can be neither stopped nor cut off: ${stale.hostProblem ?? "no host is declared"}.`,
      `${hostNextOf(stale)} Or declare \`fence:\` for the cluster. Until then keep the clients away from it.`,
    );
  const kept = primaries.find((one) => one.node !== stale.node) as AnsweringNode;
  return draft(cluster, facts, stale, kept);
}

function staleOf(facts: ClusterFacts, primaries: readonly AnsweringNode[], choice: Choice): AnsweringNode | Refusal {
  if (primaries.length > 2)
    return refuse(
      "which",
      `${primaries.length} nodes take writes at once: ${primaries.map((one) => one.node).join(", ")}.`,
      "Stop by hand those that are wrong, one after the other, and ask again.",
    );
  const [a, b] = primaries.map((one) => ({ ...endOf(one), of: one }));
  const unused = unusedAmong(facts, primaries);
  const byTimeline = a && b && olderLine(a, b)?.of;
  const byClients = unused.length === 1 ? unused[0] : undefined;
  // A standby that was promoted by mistake is on the newer timeline, while the clients write on the older one.
  const disagree = byTimeline !== undefined && byClients !== undefined && byTimeline !== byClients;
  const stale = disagree ? undefined : (byTimeline ?? byClients);
  if (disagree && choice.node === undefined)
    return refuse(
      "which",
      `${byTimeline.node} is on the timeline that the other left (${byTimeline.observation.timelineId}), but it is the one that the clients are pointed to; ${byClients.node} was promoted beside it.`,
      `Say which one is to be stopped: ${demoteOf(facts, byClients)} if it was promoted by mistake, ${demoteOf(facts, byTimeline)} if the clients should have been moved. What it alone has written is kept.`,
    );
  if (choice.node === undefined && byTimeline !== undefined && !isNodes(facts, facts.clientsAddress))
    return refuse(
      "which",
      `${byTimeline.node} is on the timeline that the other left (${byTimeline.observation.timelineId}), but it may be the one that the clients use: they are pointed to ${facts.clientsAddress}, and whose address that is cannot be told.`,
      `Say which one is to be stopped: ${primaries.map((one) => demoteOf(facts, one)).join(" or ")}. What it alone has written is kept.`,
    );
  if (choice.node === undefined || choice.node === stale?.node) {
    return (
      stale ??
      refuse(
        "which",
        `${primaries.map((one) => one.node).join(" and ")} both take writes (${primaries.map(timelineText).join(", ")}); neither left the other's timeline, and it cannot be seen which of them the clients use.`,
        `Say which one is to be stopped: ${primaries.map((one) => demoteOf(facts, one)).join(" or ")}. What it alone has written is kept.`,
      )
    );
  }
  const chosen = primaries.find((one) => one.node === choice.node);
  if (chosen === undefined)
    return refuse(
      "which",
      `${choice.node} takes no writes.`,
      `Name one of ${primaries.map((one) => one.node).join(", ")}.`,
    );
  if (stale !== undefined && !choice.acceptLoss)
    return refuse(
      "stale",
      `${chosen.node} is not the stale one: ${stale.node} is. Stopping ${chosen.node} gives up what it alone has written.`,
      `Stop ${stale.node} instead.`,
      "--accept-loss",
    );
  return chosen;
}

/** Those to which the clients are not pointed; none where that cannot be told. */
function unusedAmong(facts: ClusterFacts, primaries: readonly AnsweringNode[]): readonly AnsweringNode[] {
  if (facts.clientsAddress === undefined) return [];
  const address = readEndpoint(facts.clientsAddress);
  const unused = primaries.filter((one) => !isAddressOf(facts, one, address));
  return unused.length === primaries.length ? [] : unused;
}

function isNodes(facts: ClusterFacts, address: string | undefined): boolean {
  return address === undefined || facts.nodes.some((one) => isAddressOf(facts, one, readEndpoint(address)));
}

function demoteOf({ cluster }: ClusterFacts, { node }: AnsweringNode): string {
  return `\`blackstart mitigate demote ${cluster}/${node}\``;
}

function timelineText({ node, observation }: AnsweringNode): string {
  return `${node} on timeline ${observation.timelineId}`;
}

function draft(cluster: Cluster, facts: ClusterFacts, stale: AnsweringNode, kept: AnsweringNode): PlanDraft {
  const promised = promisedAfter(cluster, facts, kept);
  const streaming = standbysOf(facts)
    .filter((one) => one.observation.receiver !== null && upstreamOf(facts, one)?.node === kept.node)
    .map((one) => one.node);
  const back =
    stale.instance === undefined
      ? []
      : [steps.keepStep(facts.cluster, stale.node), steps.rejoinStep(facts.cluster, stale.node, kept.node)];
  return {
    kind: "demote",
    urgent: true,
    subject: { kind: "node", name: `${facts.cluster}/${stale.node}` },
    because: [
      `${stale.node} (timeline ${stale.observation.timelineId}) and ${kept.node} (timeline ${kept.observation.timelineId}) both take writes.`,
      ...(facts.clientsAddress === undefined ? [] : [`The clients are pointed to ${facts.clientsAddress}.`]),
    ],
    risk: {
      // Whether a standby followed it meanwhile, and acknowledged, cannot be seen afterwards.
      lossBytes: null,
      lossSeconds: null,
      downtimeSeconds: 0,
      statements: [
        `What ${stale.node} alone has acknowledged is not on ${kept.node}. It is kept beside its data directory, to be gone through afterwards.`,
      ],
    },
    steps: [
      steps.fenceStep(facts.cluster, stale.node, { keeps: kept.node }),
      ...back,
      ...steps.promiseSteps(facts.cluster, kept.node, promised, {
        seen: kept.observation.settings.synchronousStandbyNames,
      }),
      steps.verifyPromiseStep(facts.cluster, kept.node, promised, [
        ...streaming,
        ...(back.length > 0 ? [stale.node] : []),
      ]),
    ],
  };
}

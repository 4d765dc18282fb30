import { wasLeftFor } from "../../drivers/postgres/history.ts";
import type { Refusal, Risk, Step } from "../../plan/plan.ts";
import type { System } from "../../system/schema.ts";
import {
  type ClusterFacts,
  type NodeFacts,
  nodeFacts,
  primariesOf,
  promotingOf,
  standbysOf,
} from "../cluster-facts.ts";
import { lineOf } from "../old-primary.ts";
import { type Choice, declaredCluster, hostNextOf, type PlanDraft, refuse, refuseManaged } from "../planning.ts";
import { promisedAfter } from "../promise.ts";
import { refuseBesidePromotion } from "../start-safety.ts";
import * as steps from "../step-list.ts";
import { seenOf, writesOf } from "../who-writes.ts";
import { afterCrash } from "./loss-risk.ts";
import { startStep } from "./restart.ts";
import { endedTexts, endingSteps, promotionUnseen } from "./restart-standbys.ts";
import { needsPersonFor } from "./serving.ts";

const noRisk: Risk = { lossBytes: 0, lossSeconds: 0, downtimeSeconds: 0, statements: [] };

const startRisk: Risk = {
  ...noRisk,
  downtimeSeconds: 5,
  statements: ["After a crash it replays its WAL first; how long that takes depends on max_wal_size."],
};

/**
 * A fence is taken back: the node loses its standby.signal, and is the primary again. For a plan that stopped after its
 * fence and promoted nobody, and for a living primary that carries the mark of a fence that was never finished.
 */
export function planUnfence(system: System, facts: ClusterFacts, choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const managed = refuseManaged(cluster, facts.cluster);
  if (managed) return managed;
  const node = choice.node === undefined ? undefined : nodeFacts(facts, choice.node);
  if (node === undefined)
    return refuse(
      "which",
      "Which node is to be unfenced?",
      `Name one of ${facts.nodes.map((one) => one.node).join(", ")}.`,
    );
  const refusal = refuseNode(node) ?? refuseOthers(facts, node);
  if (refusal !== undefined) return refusal;
  const { node: name } = node;
  const lives = node.observation !== undefined;
  const standbys = standbysOf(facts).map((one) => one.node);
  const silent = lives ? [] : facts.nodes.filter((one) => one.node !== name && runsUnseen(one));
  return {
    kind: "unfence",
    urgent: true,
    subject: { kind: "node", name: `${facts.cluster}/${name}` },
    ...needsPersonFor(...silent),
    because: [
      lives
        ? `${name} is the primary, and has a standby.signal: at its next start it would come up as a standby.`
        : `${name} was the primary, ${node.instance?.state === "down" ? "is down" : "does not answer"}, and is marked as a standby; no other node takes writes.`,
    ],
    risk: lives ? noRisk : riskOfStart(facts, node, silent),
    steps: [
      unmarkStep(facts.cluster, name),
      ...(lives
        ? []
        : [
            ...endingSteps(facts.cluster, node),
            startStep(facts.cluster, name, "primary"),
            // The plan that fenced it may have aimed them at nobody.
            ...(standbys.length > 0 ? [steps.followStep(facts.cluster, name, [name, ...standbys])] : []),
            ...steps.clientSteps(facts.cluster, cluster, name),
            steps.verifyWriteStep(facts.cluster, cluster, name, promisedAfter(cluster, facts, node).count),
          ]),
    ],
  };
}

function unmarkStep(cluster: string, node: string): Step {
  return {
    id: "unmark",
    kind: "host.unmark",
    title: `Take the standby.signal of ${node} away`,
    parameters: { cluster, node },
    destructive: true,
  };
}

function refuseNode(facts: NodeFacts): Refusal | undefined {
  const { node, instance, hostProblem, observation } = facts;
  if (instance === undefined)
    return refuse(
      "host",
      `${node} cannot be unfenced from here: ${hostProblem ?? "no host is declared"}.`,
      hostNextOf(facts),
    );
  if (observation?.role === "standby")
    return refuse(
      "already",
      `${node} runs as a standby.`,
      `To make it the primary: \`blackstart mitigate switchover --to ${node}\`.`,
    );
  if (instance.standbySignal) return undefined;
  return refuse(
    "already",
    `${node} is not marked as a standby.`,
    `If it is down: \`blackstart mitigate restart\` for ${node}.`,
  );
}

function riskOfStart(facts: ClusterFacts, node: NodeFacts, silent: readonly NodeFacts[]): Risk {
  const statements = [...startRisk.statements, ...endedTexts([node]), ...silent.map(promotionUnseen)];
  return afterCrash({ ...startRisk, statements }, facts, node);
}

function runsUnseen({ observation, instance }: NodeFacts): boolean {
  return observation === undefined && instance?.pids?.length !== 0;
}

/** Its host sees a standby, though it lets nobody in: it may wait for the very node that is to be unfenced. */
function waits(one: NodeFacts): boolean {
  return one.instance?.standbySignal === true && writesOf(seenOf(one), 0).writes === "does-not";
}

/** Nobody may have taken over since, and nobody may be about to. */
function refuseOthers(facts: ClusterFacts, node: NodeFacts): Refusal | undefined {
  const others = facts.nodes.filter((one) => one.node !== node.node);
  const primary = primariesOf(facts).find((one) => one.node !== node.node);
  if (primary !== undefined)
    return refuse(
      "one-primary",
      `${primary.node} takes writes; ${node.node} would be a second primary.`,
      `Bring ${node.node} back as a standby: \`blackstart mitigate rejoin\`.`,
    );
  const promoted = promotingOf(facts).find((one) => one.node !== node.node);
  if (promoted !== undefined) return refuseBesidePromotion(facts, promoted.node, node.node);
  if (node.observation !== undefined) return undefined;
  const unseen = others.find((one) => one.observation === undefined && one.instance?.pids.length !== 0 && !waits(one));
  if (unseen !== undefined)
    return refuse(
      "others-unknown",
      `${unseen.node} does not answer (${unseen.problem ?? unseen.reach}), and its host does not see it down: it may take writes.`,
      `Reach ${unseen.node}, or declare \`host:\` for it; then ask again.`,
    );
  const line = lineOf(node);
  if (line === undefined)
    return refuse(
      "history",
      `On which line of history ${node.node} is cannot be read.`,
      `See its log and its pg_control.`,
    );
  const ends = others.map((one) => ({ node: one.node, end: lineOf(one) }));
  const later = ends.find(({ end }) => end === undefined || wasLeftFor(line, end));
  if (later === undefined) return undefined;
  return refuse(
    "history",
    later.end === undefined
      ? `On which line of history ${later.node} is cannot be told: it may have been promoted since.`
      : `${later.node} is on timeline ${later.end.timelineId}, which is not the line of ${node.node} (timeline ${line.timelineId}): it was promoted since.`,
    `Fail over to what was written last: \`blackstart mitigate failover\`; then bring ${node.node} back.`,
  );
}

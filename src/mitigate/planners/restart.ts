import type { Refusal, Risk, Step } from "../../plan/plan.ts";
import type { Cluster, System } from "../../system/schema.ts";
import { type ClusterFacts, type NodeFacts, nodeFacts, primariesOf, promotingOf } from "../cluster-facts.ts";
import { promiseOf } from "../loss.ts";
import { lastPrimaryOf } from "../old-primary.ts";
import { outageOf, outageParameter } from "../outage.ts";
import {
  type Choice,
  declaredCluster,
  hostNextOf,
  type PlanDraft,
  refuse,
  refuseLockedOut,
  refuseManaged,
} from "../planning.ts";
import { isMeant, promisedAfter } from "../promise.ts";
import { refuseBesidePromotion, refuseStart } from "../start-safety.ts";
import * as steps from "../step-list.ts";
import { afterCrash } from "./loss-risk.ts";
import { planRestartCluster } from "./restart-cluster.ts";
import { needsPersonFor } from "./serving.ts";

const restartDowntimeSeconds = 5;

/** One node is started (a dead one), or stopped and started (one that hangs, or on request). Nothing is promoted. */
export function planRestart(system: System, facts: ClusterFacts, choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const managed = refuseManaged(cluster, facts.cluster);
  if (managed) return managed;
  const primaries = primariesOf(facts);
  if (facts.nodes.every((one) => one.observation === undefined)) return planRestartCluster(cluster, facts, choice);
  const node = nodeOf(facts, choice);
  if (node === undefined)
    return refuse(
      "which",
      "Which node is to be restarted?",
      `Name one of ${facts.nodes.map((one) => one.node).join(", ")}.`,
    );
  const lockedOut = refuseLockedOut(node);
  if (lockedOut !== undefined) return lockedOut;
  if (node.instance === undefined)
    return refuse(
      "host",
      `${node.node} cannot be restarted from here: ${node.hostProblem ?? "no host is declared"}.`,
      hostNextOf(node),
    );
  const wasPrimary =
    node.observation?.role === "primary" || (node.observation === undefined && !node.instance.standbySignal);
  const other = primaries.find((one) => one.node !== node.node);
  if (wasPrimary && other !== undefined && node.observation !== undefined)
    return refuse(
      "one-primary",
      `${other.node} is the primary as well; ${node.node} would come up as a second one.`,
      "Stop the stale one: `blackstart mitigate demote`.",
    );
  const promoted = promotingOf(facts).find((one) => one.node !== node.node);
  // Stopped for that, it could not be started again.
  if (wasPrimary && promoted !== undefined) return refuseBesidePromotion(facts, promoted.node, node.node);
  if (node.observation?.role === "standby" && !node.instance.standbySignal)
    return refuse(
      "unmarked",
      `${node.node} runs as a standby, and its standby.signal is gone: it would come up as a primary.`,
      `Put an empty file standby.signal back into its data directory, then ask again.`,
    );
  const unsafe = wasPrimary && node.observation === undefined ? refuseStart(facts, node) : undefined;
  if (unsafe !== undefined) return unsafe;
  return draft(cluster, facts, node, wasPrimary ? "primary" : "standby");
}

/** The node that was named; else the primary, which is what is meant by restarting a cluster. */
function nodeOf(facts: ClusterFacts, choice: Choice): NodeFacts | undefined {
  if (choice.node !== undefined) return nodeFacts(facts, choice.node);
  return primariesOf(facts)[0] ?? lastPrimaryOf(facts);
}

function draft(cluster: Cluster, facts: ClusterFacts, node: NodeFacts, role: "primary" | "standby"): PlanDraft {
  const risk = riskOf(facts, node, role);
  const promised = promisedAfter(cluster, facts, node);
  return {
    kind: "restart",
    ...(role === "primary" ? { urgent: true } : {}),
    ...needsPersonFor(node),
    subject: { kind: "node", name: `${facts.cluster}/${node.node}` },
    because: [
      node.observation === undefined
        ? `${node.node} does not answer: ${node.problem ?? node.reach}.`
        : `${node.node}, a ${node.observation.role}, runs; its restart was asked for.`,
    ],
    risk: role === "primary" && node.observation === undefined ? afterCrash(risk, facts, node) : risk,
    steps: [
      ...(role === "primary" ? checkpointSteps(facts.cluster, node) : []),
      stopStep(facts.cluster, node),
      startStep(facts.cluster, node.node, role),
      ...(role === "primary" ? [steps.verifyWriteStep(facts.cluster, cluster, node.node, promised.count)] : []),
    ],
  };
}

/** Clients wait for a slow shutdown, and after one a node that cannot be asked may have been promoted: see `refusedBeside`. */
function checkpointSteps(cluster: string, { node, observation, rights }: NodeFacts): readonly Step[] {
  if (observation === undefined || rights?.lacks.includes("checkpoint")) return [];
  return [{ ...steps.checkpointStep(cluster, node), onFailure: "continue" }];
}

function riskOf(facts: ClusterFacts, node: NodeFacts, role: "primary" | "standby"): Risk {
  // What is down already keeps nobody waiting for longer by being started.
  const inTheWay = role === "primary" || (node.observation !== undefined && isWaitedFor(facts, node));
  return {
    lossBytes: 0,
    lossSeconds: 0,
    downtimeSeconds: inTheWay ? restartDowntimeSeconds : 0,
    statements: [
      ...(node.observation === undefined
        ? []
        : [`Open transactions on ${node.node} are rolled back and its clients are disconnected.`]),
      ...(role === "primary"
        ? ["After a crash it replays its log first; how long that takes depends on max_wal_size."]
        : []),
    ],
  };
}

function isWaitedFor(facts: ClusterFacts, node: NodeFacts): boolean {
  const primary = primariesOf(facts)[0];
  return (
    primary !== undefined &&
    // One whose name was never seen may be among them.
    (node.applicationName === undefined || isMeant(promiseOf(primary)?.names, node))
  );
}

export function stopStep(cluster: string, node: NodeFacts): Step {
  const alive = node.observation !== undefined;
  return {
    id: "stop",
    kind: "postgres.stop",
    title: alive ? `Stop ${node.node} in order` : `End whatever is left of ${node.node}'s processes`,
    parameters: {
      cluster,
      node: node.node,
      startedAt: node.observation?.startedAt ?? null,
      reach: node.reach,
      state: node.instance?.state ?? "",
      outage: outageParameter(outageOf(node)),
    },
    destructive: true,
  };
}

export function startStep(cluster: string, node: string, role: "primary" | "standby"): Step {
  return {
    id: `start-${node}`,
    kind: "postgres.start",
    title: `Start ${node}, and see that it is a ${role}`,
    parameters: { cluster, node, role },
  };
}

import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Cluster } from "../../system/schema.ts";
import {
  type AnsweringNode,
  type ClusterFacts,
  primariesOf,
  receivedLsn,
  standbysOf,
  upstreamOf,
} from "../cluster-facts.ts";
import type { Choice, PlanDraft } from "../planning.ts";
import { promisedAfter } from "../promise.ts";
import * as steps from "../step-list.ts";

const downtimeSeconds = 1;

/**
 * Nobody takes writes, and the last primary is itself among those that answer as standbys: a failover that was stopped
 * after its fence, and whose fenced server somebody started. There is nobody to fence, and whoever holds most of the
 * log has every acknowledged write. Undefined where the last primary may be another.
 */
export function planAmongStandbys(cluster: Cluster, facts: ClusterFacts, choice: Choice): PlanDraft | undefined {
  const standbys = standbysOf(facts);
  if (primariesOf(facts).length > 0 || !lastPrimaryAnswers(facts, standbys)) return undefined;
  const candidates = [...standbys].sort(
    (a, b) => Number(b.node === choice.node) - Number(a.node === choice.node) || furtherFirst(a, b),
  );
  const furthest = [...standbys].sort(furtherFirst)[0] as AnsweringNode;
  const names = candidates.map((one) => one.node);
  const promised = promisedAfter(cluster, facts, furthest);
  const count = Math.min(promised.count, names.length - 1);
  const { cluster: name } = facts;
  return {
    kind: "failover",
    urgent: true,
    subject: { kind: "cluster", name },
    because: [
      `Nobody takes writes: ${names.join(", ")} answer as standbys, the last primary among them.`,
      `${candidates.map((one) => `${one.node} has received up to ${receivedLsn(one)}`).join(", ")}.`,
    ],
    risk: { lossBytes: 0, lossSeconds: 0, downtimeSeconds, statements: steps.clientStatements(cluster) },
    steps: [
      {
        id: "elect",
        kind: "postgres.elect",
        title: `Take the one that holds most of the log, of ${names.join(", ")}`,
        parameters: {
          cluster: name,
          candidates: names,
          ...(choice.node === undefined ? {} : { chosen: choice.node }),
          needs: {
            of: names,
            missingMax: 0,
            timeline: furthest.observation.timelineId,
            received: receivedLsn(furthest),
          },
        },
      },
      ...steps.promiseSteps(name, steps.electedNode, promised, names),
      steps.promoteStep(name, steps.electedNode, furthest.node),
      ...(names.length > 1 ? [steps.followStep(name, steps.electedNode, names)] : []),
      ...steps.clientSteps(name, cluster, steps.electedNode),
      steps.verifyWriteStep(name, cluster, steps.electedNode, count, true),
      ...(names.length > 1 ? names.map((node) => steps.rejoinStep(name, node, steps.electedNode)) : []),
      ...steps.promiseSteps(name, steps.electedNode, promised),
      steps.verifyPromiseStep(name, steps.electedNode, promised, names),
    ],
  };
}

/** All answer; or the one that is remembered does, and nobody has followed another since. */
function lastPrimaryAnswers(facts: ClusterFacts, standbys: readonly AnsweringNode[]): boolean {
  if (standbys.length === 0 || standbys.some((one) => mayFollowStranger(facts, one))) return false;
  if (standbys.length === facts.nodes.length) return true;
  const newest = Math.max(
    ...facts.nodes.map((one) => Math.max(one.observation?.timelineId ?? 0, one.remembered?.timelineId ?? 0)),
  );
  const last = facts.nodes.filter((one) => one.remembered?.role === "primary" && one.remembered.timelineId === newest);
  return (
    last.length === 1 &&
    last[0]?.observation?.role === "standby" &&
    facts.nodes.every((one) => one.remembered !== undefined)
  );
}

/** The primary may be a server that the file does not declare: then to promote one of these makes a second. */
function mayFollowStranger(facts: ClusterFacts, standby: AnsweringNode): boolean {
  const { receiver, settings } = standby.observation;
  const follows = receiver?.status === "streaming";
  if (upstreamOf(facts, standby) !== undefined || (settings.primaryConninfo === "" && !follows)) return false;
  return follows || !facts.nodes.some((one) => one.remembered?.role === "primary");
}

function furtherFirst(a: AnsweringNode, b: AnsweringNode): number {
  return b.observation.timelineId - a.observation.timelineId || lsnAhead(receivedLsn(b), receivedLsn(a));
}

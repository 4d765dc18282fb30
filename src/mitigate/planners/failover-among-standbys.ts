import type { Refusal, Risk } from "../../plan/plan.ts";
import type { Cluster } from "../../system/schema.ts";
import {
  type AnsweringNode,
  type ClusterFacts,
  endOf,
  primariesOf,
  receivedLsn,
  standbysOf,
} from "../cluster-facts.ts";
import { leftOutTexts } from "../line-words.ts";
import type { Lines } from "../lines.ts";
import {
  hasAncestor,
  knownPrimary,
  lastAmongStandbys,
  lineOf,
  lineWrittenLast,
  linesAfter,
  type StandbyHolder,
  strangersOf,
} from "../old-primary.ts";
import { afterCrash } from "./loss-risk.ts";
import { type Choice, type PlanDraft, refuse } from "../planning.ts";
import { promisedAfter } from "../promise.ts";
import { timelinesNow } from "../promoted-since.ts";
import * as steps from "../step-list.ts";
import { delayStatements, eligible, onlyFollowing, refuseBarred, refuseNobody } from "./eligible.ts";
import {
  bytesLacking,
  electableBy,
  holdersOf,
  needsAmong,
  promoting,
  refuseBehind,
  refuseLines,
} from "./failover-lines.ts";

const downtimeSeconds = 1;

/**
 * Nobody takes writes, and the old primary is itself among those that answer as standbys: a failover that was stopped
 * after its fence, and whose fenced server somebody started. There is nobody to fence, and whoever holds most of the line
 * that was written last has every acknowledged write of it. Undefined where the old primary may be another.
 */
export function planAmongStandbys(
  cluster: Cluster,
  facts: ClusterFacts,
  choice: Choice,
): PlanDraft | Refusal | undefined {
  if (primariesOf(facts).length > 0 || !oldPrimaryAnswers(facts)) return undefined;
  const all = electableBy(linesAfter(facts, lineWrittenLast(facts)), facts, choice);
  const lines = eligible(cluster, all, choice, () => false);
  const refusal =
    refuseBarred(cluster, facts, choice) ??
    refuseLines(facts.cluster, all, choice) ??
    refuseNobody(cluster, all) ??
    refuseBehind(all, { ...choice, node: choice.node ?? lines.onLine[0]?.node ?? "" }, []);
  if (refusal) return refusal;
  const risk = riskOf(cluster, facts, lines, choice);
  if (risk.lossBytes === 0 || choice.acceptLoss)
    return draft(cluster, facts, { lines, following: onlyFollowing(all, lines) }, choice, risk);
  return refuse(
    "acknowledged-writes",
    risk.statements.join(" "),
    `Find out whether clients wrote there; then choose: ${promoting(facts.cluster, holdersOf(lines))}. What the others hold is kept when they are brought back.`,
    "--accept-loss",
  );
}

/**
 * What an ancestor of the line holds beyond the fork was given up by an earlier failover. Any other branch was promoted
 * while nobody looked, and clients may have written there.
 */
function riskOf(cluster: Cluster, facts: ClusterFacts, lines: Lines<StandbyHolder>, choice: Choice): Risk {
  const line = lines.onLine[0]?.end ?? lineWrittenLast(facts);
  const given = lines.branches.filter(
    ({ holder, ownBytes }) => ownBytes > 0 && !(line !== undefined && hasAncestor(line, holder.end.timelineId)),
  );
  const lacking = bytesLacking(lines, choice);
  const lossBytes = given.reduce((sum, one) => sum + one.ownBytes, lacking);
  const statements = given.map(
    ({ holder, ownBytes }) =>
      `${holder.node} holds ${ownBytes} bytes that none of the others has; clients may have written them.`,
  );
  const risk = {
    lossBytes,
    lossSeconds: lossBytes === 0 ? 0 : null,
    downtimeSeconds,
    statements: [...statements, ...steps.clientStatements(cluster)],
  };
  const old = lastAmongStandbys(facts) ?? lines.onLine[0]?.facts;
  return old === undefined ? risk : afterCrash(risk, facts, old);
}

function draft(
  cluster: Cluster,
  facts: ClusterFacts,
  { lines, following }: Readonly<{ lines: Lines<StandbyHolder>; following: readonly AnsweringNode[] }>,
  choice: Choice,
  risk: Risk,
): PlanDraft {
  const candidates = lines.onLine
    .map((one) => one.facts)
    .toSorted((a, b) => Number(b.node === choice.node) - Number(a.node === choice.node));
  const furthest = lines.onLine[0]?.facts as AnsweringNode;
  const electable = candidates.map((one) => one.node);
  const known = choice.node ?? (electable.length === 1 ? electable[0] : undefined);
  const names = [...electable, ...following.map((one) => one.node)];
  const promised = promisedAfter(cluster, facts, lastAmongStandbys(facts) ?? furthest);
  const count = Math.min(promised.count, names.length - 1);
  const { cluster: name } = facts;
  const timelines = timelinesNow(facts);
  const leftOut = leftOutTexts(lines);
  return {
    kind: "failover",
    urgent: true,
    subject: { kind: "cluster", name },
    because: [
      `Nobody takes writes: ${standbysOf(facts)
        .map((one) => one.node)
        .join(", ")} answer as standbys, the old primary among them.`,
      `${candidates.map((one) => `${one.node} has received up to ${receivedLsn(one)}`).join(", ")}.`,
      ...leftOut,
    ],
    ...(lines.branches.length === 0 ? {} : { needsPerson: leftOut.join(" ") }),
    risk: { ...risk, statements: [...risk.statements, ...delayStatements(lines)] },
    steps: [
      {
        id: "elect",
        kind: "postgres.elect",
        title: `Take the one that holds most of what was written last, of ${electable.join(", ")}`,
        parameters: {
          cluster: name,
          candidates: electable,
          ...(choice.node === undefined ? {} : { chosen: choice.node }),
          needs: needsAmong(lines, choice),
          timelines,
        },
      },
      ...steps.promiseSteps(name, steps.electedNode, promised, { among: [...candidates, ...following] }),
      steps.promoteStep(name, steps.electedNode, { timeline: steps.electedTimeline, timelines }, known),
      ...(names.length > 1 ? [steps.followStep(name, steps.electedNode, names)] : []),
      ...steps.clientSteps(name, cluster, steps.electedNode),
      steps.verifyWriteStep(name, cluster, steps.electedNode, count, true),
      ...steps.strayStandbySteps(name, names, steps.electedNode, promised, known),
      ...steps.promiseSteps(name, steps.electedNode, promised, {}),
      steps.verifyPromiseStep(name, steps.electedNode, promised, names),
    ],
  };
}

/** All answer; or the one that was the primary last does, and nobody went on from its line since. */
function oldPrimaryAnswers(facts: ClusterFacts): boolean {
  const standbys = standbysOf(facts);
  if (standbys.length === 0 || strangersOf(facts).length > 0) return false;
  if (standbys.length === facts.nodes.length) return true;
  const last = standbys.find((one) => one === knownPrimary(facts));
  if (last === undefined) return false;
  const { timelineId } = endOf(last);
  return facts.nodes.every((one) => {
    const line = lineOf(one);
    return line !== undefined && !hasAncestor(line, timelineId);
  });
}

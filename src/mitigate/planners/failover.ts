import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import { isRefusal, type Refusal, type Risk, type Step } from "../../plan/plan.ts";
import type { Cluster, System } from "../../system/schema.ts";
import { type AnsweringNode, type ClusterFacts, type NodeFacts, nodeFacts, receivedLsn } from "../cluster-facts.ts";
import { leftOutTexts } from "../line-words.ts";
import type { Lines } from "../lines.ts";
import { type LossVerdict, lossVerdict, promiseOf, sessionStatement } from "../loss.ts";
import { lastPrimaryOf, type StandbyHolder } from "../old-primary.ts";
import { outageOf, outageWhileStarting } from "../outage.ts";
import {
  type Choice,
  declaredCluster,
  type PlanDraft,
  refuse,
  refuseManaged,
  refuseUnknownWriters,
} from "../planning.ts";
import { isMeant, type Promised, promisedAfter } from "../promise.ts";
import { timelinesNow } from "../promoted-since.ts";
import { refuseStart } from "../start-safety.ts";
import * as steps from "../step-list.ts";
import { planAmongStandbys } from "./failover-among-standbys.ts";
import { delayStatements, eligible, onlyFollowing, refuseBarred, refuseNobody } from "./eligible.ts";
import { bytesLacking, completeOf, electable, needsOf, refuseBehind, refuseLines } from "./failover-lines.ts";
import { refuseCandidates, refuseFence, refusePending, refusePrimary } from "./failover-refusals.ts";
import { lossRisk } from "./loss-risk.ts";

/**
 * Another node becomes the primary because the last one is dead or hangs. The way to a service that works again comes
 * first, in as few steps as can be; bringing the last primary back comes after.
 */
export function planFailover(system: System, facts: ClusterFacts, asked: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const early = refuseManaged(cluster, facts.cluster) ?? refusePending(facts);
  if (early) return early;
  const amongStandbys = planAmongStandbys(cluster, facts, asked);
  if (amongStandbys !== undefined)
    return isRefusal(amongStandbys) ? amongStandbys : (besideUnknown(facts, undefined) ?? amongStandbys);
  const primary = lastPrimaryOf(facts);
  const { node: _node, ...rest } = asked;
  const choice: Choice = asked.node === primary?.node ? rest : asked;
  const refusal =
    refusePrimary(facts, primary, choice) ??
    refuseFence(cluster, primary) ??
    refuseCandidates(facts, choice) ??
    refuseBarred(cluster, facts, choice);
  if (refusal) return refusal;
  const old = primary as NodeFacts;
  const all = electable(facts, old, choice);
  const lines = eligible(cluster, all, choice, (left) => lossVerdict(cluster, facts, old, left).kind === "none");
  const verdict = lossVerdict(cluster, facts, old, lines);
  const complete = completeOf(verdict, facts, old, lines);
  const wrong =
    refuseLines(facts.cluster, all, choice) ?? refuseNobody(cluster, all) ?? refuseBehind(lines, choice, complete);
  if (wrong) return wrong;
  const risk = withLack(
    lossRisk(verdict, lines, old),
    complete.includes(choice.node ?? "") ? 0 : bytesLacking(lines, choice),
  );
  const unknown = besideUnknown(facts, old);
  if (risk.lossBytes !== 0 && !choice.acceptLoss)
    return refuse(
      "acknowledged-writes",
      `${verdict.why} ${risk.statements.join(" ")}`.trim(),
      toAvoidLoss(facts, verdict, old),
      // It would not lead on.
      unknown === undefined ? "--accept-loss" : undefined,
    );
  if (unknown !== undefined) return unknown;
  const following = onlyFollowing(all, lines);
  return draft({ cluster, facts, old, lines, following, choice, complete, verdict, risk });
}

/** The fence and the promotion refuse it for the same reason. */
function besideUnknown(facts: ClusterFacts, old: NodeFacts | undefined): Refusal | undefined {
  const others = facts.nodes.filter((one) => one !== old);
  return refuseUnknownWriters(others, "what is promoted could be a second primary");
}

/** What a person who chose one that is behind gives up besides. */
function withLack(risk: Risk, bytes: number): Risk {
  if (bytes === 0) return risk;
  return {
    ...risk,
    lossBytes: risk.lossBytes === null ? null : risk.lossBytes + bytes,
    lossSeconds: null,
    statements: [...risk.statements, `${bytes} bytes that another standby has received are lost with this choice.`],
  };
}

type Decided = Readonly<{
  cluster: Cluster;
  facts: ClusterFacts;
  old: NodeFacts;
  /** Who may be elected; the others that answer only follow. */
  lines: Lines<StandbyHolder>;
  following: readonly AnsweringNode[];
  choice: Choice;
  complete: readonly string[];
  verdict: LossVerdict;
  risk: Risk;
}>;

function toAvoidLoss(facts: ClusterFacts, verdict: LossVerdict, primary: NodeFacts): string {
  // Recommended only where it would not be refused.
  const start =
    refuseStart(facts, primary) === undefined
      ? `start ${primary.node} again (\`blackstart mitigate restart ${facts.cluster}/${primary.node}\`)`
      : undefined;
  const missing = verdict.kind === "possible" ? verdict.missing.join(", ") : "";
  const ways = [
    ...(missing === "" ? [] : [backText(facts, missing.split(", "))]),
    ...(start === undefined ? [] : [start]),
  ];
  if (ways.length === 0)
    return `Reach ${primary.node} and the nodes that do not answer, and see which of them can be started.`;
  const text = ways.join(", or ");
  const isUnwritten = verdict.kind !== "none" && verdict.unwritten === true;
  const gain = isUnwritten ? "no more is lost than what was not written yet" : "nothing can be lost";
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}, so that ${gain}.`;
}

/** One that runs is not brought back: it lets us in once our login is right. */
function backText(facts: ClusterFacts, missing: readonly string[]): string {
  const isLockedOut = (name: string) => nodeFacts(facts, name)?.lockedOut === true;
  const [locked, gone] = [missing.filter(isLockedOut), missing.filter((name) => !isLockedOut(name))];
  return [
    ...(gone.length === 0 ? [] : [`bring ${gone.join(", ")} back`]),
    ...(locked.length === 0
      ? []
      : [`correct our password for ${locked.join(", ")} (PGPASSWORD, ~/.pgpass, or the \`url\`)`]),
  ].join(", or ");
}

function draft(decided: Decided): PlanDraft {
  const { cluster, facts, old, lines, choice, verdict, risk } = decided;
  const candidates = candidatesOf(decided);
  const standbys = [...candidates, ...decided.following];
  const names = standbys.map((one) => one.node);
  const known = choice.node ?? (candidates.length === 1 ? candidates[0]?.node : undefined);
  const leftOut = leftOutTexts(lines);
  const unmarkable = unmarkableText(cluster, old);
  const promised = promisedAfter(cluster, facts, old);
  const available = Math.min(promised.count, standbys.length - 1);
  return {
    kind: "failover",
    urgent: true,
    subject: { kind: "cluster", name: facts.cluster },
    because: [...becauseOf(old, candidates, verdict), ...leftOut],
    ...needsPersonBecause([...(lines.branches.length === 0 ? [] : leftOut), ...unmarkable]),
    risk: {
      ...risk,
      statements: [
        ...risk.statements,
        ...unmarkable,
        ...promiseStatements(promised, available),
        ...delayStatements(lines),
        ...steps.promisedStatements(promised, candidates[0]?.node ?? old.node),
        ...steps.clientStatements(cluster),
      ],
    },
    steps: [
      steps.fenceStep(facts.cluster, old.node, {
        outage: choice.evenIfStarting ? outageWhileStarting(old) : outageOf(old),
      }),
      electStep(decided, candidates),
      ...steps.promiseSteps(facts.cluster, steps.electedNode, promised, { among: standbys }),
      steps.promoteStep(
        facts.cluster,
        steps.electedNode,
        { timeline: steps.electedTimeline, timelines: timelinesNow(facts), old: old.node, fenced: steps.fencedControl },
        known,
      ),
      ...(names.length > 1 ? [steps.followStep(facts.cluster, steps.electedNode, names)] : []),
      ...steps.clientSteps(facts.cluster, cluster, steps.electedNode),
      steps.verifyWriteStep(facts.cluster, cluster, steps.electedNode, available, true),
      ...afterwards(facts, old, names, promised, known),
    ],
  };
}

function needsPersonBecause(reasons: readonly string[]): { needsPerson?: string } {
  return reasons.length === 0 ? {} : { needsPerson: reasons.join(" ") };
}

/** Where there is nothing to mark, and no command that cuts it off, only a person can see to it that it stays away. */
function unmarkableText({ fence }: Cluster, { node, instance }: NodeFacts): readonly string[] {
  if (instance?.state !== "no-data" || fence !== undefined) return [];
  return [
    `${node} has no data directory, so it cannot be marked as a standby: if its disk is only not mounted, it comes back as a second primary.`,
  ];
}

/** What comes after the service works again. */
function afterwards(
  facts: ClusterFacts,
  old: NodeFacts,
  standbys: readonly string[],
  promised: Promised,
  known: string | undefined,
): readonly Step[] {
  const back =
    old.instance === undefined
      ? []
      : [steps.keepStep(facts.cluster, old.node), steps.rejoinStep(facts.cluster, old.node, steps.electedNode)];
  const expected = [...(old.instance === undefined ? [] : [old.node]), ...standbys];
  return [
    ...steps.strayStandbySteps(facts.cluster, standbys, steps.electedNode, promised, known),
    ...back,
    ...steps.promiseSteps(facts.cluster, steps.electedNode, promised, {}),
    steps.verifyPromiseStep(facts.cluster, steps.electedNode, promised, expected),
  ];
}

/** Best first on a tie: the chosen one, those that the primary waited for, the order of the file; who replays late last. */
function candidatesOf({ facts, old, lines, choice }: Decided): readonly AnsweringNode[] {
  const names = promiseOf(old)?.names;
  const wasSynchronous = (node: string) =>
    old.remembered?.standbys.some(
      (one) => one.node === node && (one.syncState === "sync" || one.syncState === "quorum"),
    );
  const holders = lines.onLine.map((one) => one.facts);
  const isLate = (one: AnsweringNode) =>
    one.observation.applyDelayMs > 0 &&
    holders.some(
      (other) => other.observation.applyDelayMs === 0 && lsnAhead(receivedLsn(other), receivedLsn(one)) >= 0,
    );
  const rank = (one: AnsweringNode) =>
    one.node === choice.node ? 0 : isLate(one) ? 4 : wasSynchronous(one.node) ? 1 : isMeant(names, one) ? 2 : 3;
  const place = (one: AnsweringNode) => facts.nodes.findIndex((node) => node.node === one.node);
  return holders.toSorted((a, b) => rank(a) - rank(b) || place(a) - place(b));
}

function electStep({ facts, old, lines, choice, complete }: Decided, candidates: readonly AnsweringNode[]): Step {
  const names = candidates.map((one) => one.node);
  const title =
    candidates.length === 1
      ? `See how much ${names[0]} has received`
      : `Take the standby that has received most, of ${names.join(", ")}`;
  return {
    id: "elect",
    kind: "postgres.elect",
    title: choice.node === undefined ? title : `See that ${choice.node} has received what is needed`,
    parameters: {
      cluster: facts.cluster,
      old: old.node,
      fenced: steps.fencedControl,
      candidates: names,
      ...(choice.node === undefined ? {} : { chosen: choice.node }),
      needs: needsOf(facts, old, lines, choice, complete),
      timelines: timelinesNow(facts),
    },
  };
}

function becauseOf(old: NodeFacts, candidates: readonly AnsweringNode[], verdict: LossVerdict): readonly string[] {
  const seen =
    old.instance === undefined
      ? `its host cannot be asked (${old.hostProblem ?? "no host"})`
      : `its host sees it ${stateText(old)}`;
  const received = candidates.map((one) => `${one.node} has received up to ${receivedLsn(one)}`).join(", ");
  return [
    `${old.node}, the primary, does not answer: ${old.problem ?? old.reach}; ${seen}.`,
    `${received}.`,
    verdict.why,
  ];
}

function stateText(node: NodeFacts): string {
  switch (node.instance?.state) {
    case "running":
      return "running, but it does not answer";
    case "stopped-processes":
      return "halted";
    case "orphans":
      return "without its postmaster, some of its processes left";
    case "no-data":
      return "without a data directory";
    case "down":
    case undefined:
      return "down";
  }
}

function promiseStatements(promised: Promised, available: number): readonly string[] {
  if (promised.count === 0) return [];
  if (available >= promised.count) return [sessionStatement];
  return [
    sessionStatement,
    `Until the old primary is back, an acknowledged write is on ${available} standby(s) instead of ${promised.count}: no more are left. It is raised again as soon as they stream.`,
  ];
}

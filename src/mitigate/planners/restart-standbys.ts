import type { Refusal, Risk, Step } from "../../plan/plan.ts";
import type { ClusterFacts, NodeFacts } from "../cluster-facts.ts";
import { knownPrimary } from "../old-primary.ts";
import { type Choice, type PlanDraft, refuse, refuseLockedOut } from "../planning.ts";
import { seenOf, writesOf } from "../who-writes.ts";
import { afterCrash } from "./loss-risk.ts";
import { startStep, stopStep } from "./restart.ts";
import { needsPersonFor } from "./serving.ts";

const restartDowntimeSeconds = 10;

/** What becomes of the standbys of a cluster in which no node answers. */
export type Fates = Readonly<{
  started: readonly NodeFacts[];
  /** Ended first, and the plan says so. */
  ended: readonly NodeFacts[];
  left: readonly NodeFacts[];
}>;

/**
 * A server that runs but does not answer us is left alone: it may serve others, and commits may wait for it. Only one that
 * cannot serve anybody (halted, or without its postmaster) is killed, or one that a person named.
 */
export function fatesOf(standbys: readonly NodeFacts[], choice: Choice): Fates {
  const isEnded = (one: NodeFacts) =>
    !isAlive(one) && (one.instance?.state !== "running" || one.node === choice.node) && !isSeenDown(one);
  return {
    started: standbys.filter(isSeenDown),
    ended: standbys.filter(isEnded),
    left: standbys.filter((one) => !isSeenDown(one) && !isEnded(one)),
  };
}

/** It answers, though it lets nobody in: it does not hang. */
export function isAlive({ reach }: NodeFacts): boolean {
  return reach === "starting" || reach === "denied";
}

function isSeenDown({ instance }: NodeFacts): boolean {
  return instance?.state === "down";
}

export function endingSteps(cluster: string, one: NodeFacts): readonly Step[] {
  return isSeenDown(one) ? [] : [{ ...stopStep(cluster, one), id: `stop-${one.node}` }];
}

export function standbySteps(cluster: string, { started, ended }: Fates): readonly Step[] {
  return [...started, ...ended]
    .flatMap((one) => [...endingSteps(cluster, one), startStep(cluster, one.node, "standby")])
    .map((step) => ({ ...step, onFailure: "continue" as const }));
}

/** What is done to servers that run, or is not. */
export function fateStatements(cluster: string, { ended, left }: Pick<Fates, "ended" | "left">): readonly string[] {
  return [
    ...endedTexts(ended),
    ...left.flatMap((one) => [
      `${one.node} runs, as its host sees it, and is left alone. If it does not follow in the end: \`blackstart mitigate rejoin ${cluster}/${one.node}\`.`,
      promotionUnseen(one),
    ]),
  ];
}

/** Replay removes the request as soon as it has seen it; from then on only the server itself could tell, and it does not. */
export function promotionUnseen({ node }: NodeFacts): string {
  return `Whether a promotion of ${node} is pending cannot be seen while it does not let us in: if somebody has promoted it, do not apply this plan.`;
}

/** Of those that `endingSteps` ends. */
export function endedTexts(ended: readonly NodeFacts[]): readonly string[] {
  return ended
    .filter((one) => !isSeenDown(one))
    .map(({ node, instance, remembered }) => {
      const isStandby = instance?.standbySignal === true && remembered?.role !== "primary";
      const waiting = isStandby ? " Commits that wait for it hang until it is back." : "";
      return `${node} does not answer, and its host does not see it down (${instance?.state}): it is killed, and its clients, if it still has any, are disconnected.${waiting}`;
    });
}

/**
 * All that can be seen are standbys (a plan that was stopped after its fence leaves this behind, when the last standby
 * dies as well), or a standby was named while a primary may be at work. No primary is touched.
 */
export function planStandbys(
  facts: ClusterFacts,
  startable: readonly NodeFacts[],
  choice: Choice,
): PlanDraft | Refusal {
  const standbys = startable.filter((one) => one.instance?.standbySignal === true);
  const named = standbys.filter((one) => one.node === choice.node);
  const fates = fatesOf(named.length > 0 ? named : standbys, choice);
  const touched = [...fates.started, ...fates.ended];
  const unseen = facts.nodes.filter((one) => !startable.includes(one)).map(unseenText);
  const last = knownPrimary(facts) ?? touched[0];
  const runsOn = last?.instance !== undefined && last.instance.state !== "down" && !touched.includes(last);
  if (touched.length === 0) return refuseRunning(facts, fates.left, unseen);
  return {
    kind: "restart",
    urgent: true,
    ...needsPersonFor(...touched),
    subject: { kind: "cluster", name: facts.cluster },
    because: [
      `No node of ${facts.cluster} answers.`,
      standbys.length === startable.length
        ? `All servers that can be seen are standbys: ${namesOf(standbys)}.`
        : `${namesOf(startable.filter((one) => !standbys.includes(one)))} is not marked as a standby, and its host does not see it down: it is left alone.`,
      ...unseen,
    ],
    risk: riskOf(facts, runsOn ? undefined : last, [promotionText(facts), ...fateStatements(facts.cluster, fates)]),
    steps: standbySteps(facts.cluster, fates),
  };
}

/** @param primary the last one, as far as it is known; not one that is left alone */
export function riskOf(facts: ClusterFacts, primary: NodeFacts | undefined, statements: readonly string[]): Risk {
  const risk = { lossBytes: 0, lossSeconds: 0, downtimeSeconds: restartDowntimeSeconds, statements };
  return primary === undefined ? risk : afterCrash(risk, facts, primary);
}

function promotionText(facts: ClusterFacts): string {
  const failover = `\`blackstart mitigate failover ${facts.cluster}\` compares what they hold, and promotes one`;
  const writers = facts.nodes.filter((one) => writesOf(seenOf(one), 0).writes !== "does-not");
  if (writers.length === 0) return `Nothing is promoted, and nothing can be written yet: ${failover}.`;
  return `Nothing is promoted. Whether ${namesOf(writers)} takes writes is not known; if not, ${failover}.`;
}

function refuseRunning(facts: ClusterFacts, left: readonly NodeFacts[], unseen: readonly string[]): Refusal {
  const lockedOut = left.map(refuseLockedOut).find((one) => one !== undefined);
  if (lockedOut !== undefined) return lockedOut;
  const mayHang = left.find((one) => !isAlive(one));
  const ending = `One that hangs is ended and started again by its name: \`blackstart mitigate restart ${facts.cluster}/${mayHang?.node}\`.`;
  return refuse(
    "alive",
    [...left.map(runningText), ...unseen].join(" "),
    `Restore the way to them, and to the primary that they follow.${mayHang === undefined ? "" : ` ${ending}`}`,
  );
}

function runningText({ node, problem, reach }: NodeFacts): string {
  return `${node} runs as a standby, as its host sees it, and does not let us in (${problem ?? reach}).`;
}

function unseenText({ node, hostProblem }: NodeFacts): string {
  return `${node} cannot be seen: ${hostProblem ?? "no data directory"}.`;
}

function namesOf(nodes: readonly NodeFacts[]): string {
  return nodes.map((one) => one.node).join(", ");
}

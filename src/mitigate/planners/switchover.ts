import { followingText, receives } from "../../drivers/postgres/following.ts";
import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Refusal, Step } from "../../plan/plan.ts";
import type { Cluster, System } from "../../system/schema.ts";
import {
  type AnsweringNode,
  type ClusterFacts,
  nodeFacts,
  primariesOf,
  receivedLsn,
  standbysOf,
} from "../cluster-facts.ts";
import { isMeant, membersAmong, type Promised, promisedAfter, promiseNow } from "../promise.ts";
import { timelinesNow } from "../promoted-since.ts";
import { promiseOf } from "../loss.ts";
import {
  type Choice,
  declaredCluster,
  hostNextOf,
  type PlanDraft,
  refuse,
  refuseLockedOut,
  refuseManaged,
  refuseOld,
  refuseUnknownWriters,
} from "../planning.ts";
import * as steps from "../step-list.ts";
import { barredWhy, refuseBarred } from "./eligible.ts";

/** A target that lags more would keep the clients waiting while it catches up. */
const lagBytesMax = 64 * 1024 * 1024;
const switchoverDowntimeSeconds = 1;

/**
 * The primary moves in order: it is stopped cleanly, the target receives its log to the last byte, and only then is it
 * promoted. Nothing can be lost. The last primary comes back as a standby without a rewind.
 */
export function planSwitchover(system: System, facts: ClusterFacts, choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const managed = refuseManaged(cluster, facts.cluster);
  if (managed) return managed;
  const primary = onlyPrimary(facts);
  if ("refused" in primary) return primary;
  const old = refuseOld(primary.observation.version, primary.node);
  if (old) return old;
  if (primary.instance === undefined)
    return refuse(
      "stop",
      `${primary.node} can be neither stopped nor started again by Blackstart: ${primary.hostProblem ?? "no host is declared"}.`,
      hostNextOf(primary),
    );
  const target = refuseBarred(cluster, facts, choice) ?? targetOf(cluster, facts, primary, choice);
  if ("refused" in target) return target;
  const unknown = refuseUnknownWriters(facts.nodes, "none could be promoted once the primary is stopped");
  if (unknown !== undefined) return unknown;
  return draft(cluster, facts, primary, target);
}

function onlyPrimary(facts: ClusterFacts): AnsweringNode | Refusal {
  const primaries = primariesOf(facts);
  if (primaries.length > 1)
    return refuse(
      "one-primary",
      `${primaries.map((one) => one.node).join(" and ")} both take writes.`,
      "Stop the stale one first: `blackstart mitigate demote`.",
    );
  return (
    primaries[0] ??
    refuse("primary-down", `No primary of ${facts.cluster} answers.`, "If it is dead: `blackstart mitigate failover`.")
  );
}

function targetOf(
  cluster: Cluster,
  facts: ClusterFacts,
  primary: AnsweringNode,
  choice: Choice,
): AnsweringNode | Refusal {
  const wanted = choice.node === primary.node ? undefined : choice.node;
  const names = promiseOf(primary)?.names;
  const delayed = (one: AnsweringNode) => one.observation.applyDelayMs;
  const streaming = standbysOf(facts).filter(
    (one) =>
      barredWhy(cluster, one) === undefined &&
      (one.following?.kind === "follows" || one.following?.kind === "catching-up"),
  );
  // It is promoted when it has replayed all, not when it has received all.
  const lag = (one: AnsweringNode) =>
    lsnAhead(primary.observation.lsn, one.observation.replayedLsn ?? receivedLsn(one));
  const best = [...streaming].sort(
    (a, b) => delayed(a) - delayed(b) || Number(isMeant(names, b)) - Number(isMeant(names, a)) || lag(a) - lag(b),
  );
  const target = wanted === undefined ? best[0] : streaming.find((one) => one.node === wanted);
  const lockedOut = wanted === undefined ? undefined : refuseLockedOut(nodeFacts(facts, wanted));
  if (lockedOut !== undefined) return lockedOut;
  if (target === undefined)
    return refuse(
      "candidate",
      wanted === undefined
        ? `No standby follows ${primary.node}.`
        : `${wanted} ${followingText(nodeFacts(facts, wanted)?.following ?? { kind: "not-connected" })}.`,
      streaming.length === 0
        ? facts.nodes.length === 1
          ? `${primary.node} is the only node that the system file declares for ${facts.cluster}; declare its standbys, if it has any.`
          : "Bring a standby back: `blackstart mitigate rejoin`."
        : `Choose ${streaming.map((one) => one.node).join(" or ")}.`,
    );
  if (lag(target) > lagBytesMax)
    return refuse(
      "lag",
      `${target.node} is ${lag(target)} bytes behind; the clients would wait while it catches up.`,
      `Wait until it is less than ${lagBytesMax} bytes behind, or choose another.`,
    );
  return target;
}

function draft(cluster: Cluster, facts: ClusterFacts, primary: AnsweringNode, target: AnsweringNode): PlanDraft {
  const standbys = standbysOf(facts).filter((one) => one.node !== target.node);
  const others = standbys.filter(({ following }) => following?.kind !== "diverged");
  // No commit is to wait for one to which nothing comes now.
  const receiving = others.filter(({ following }) => following !== undefined && receives(following));
  const promised = promisedAfter(cluster, facts, primary);
  const available = promiseNow(promised, target.node, membersAmong(promised, receiving))?.count ?? 0;
  return {
    kind: "switchover",
    subject: { kind: "cluster", name: facts.cluster },
    because: [
      `${primary.node} is the primary; ${target.node} streams from it, ${lsnAhead(primary.observation.lsn, receivedLsn(target))} bytes behind.`,
    ],
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: switchoverDowntimeSeconds,
      statements: [
        `Open transactions on ${primary.node} are rolled back and its clients are disconnected.`,
        ...(available < promised.count
          ? [
              `Until ${primary.node} is back, an acknowledged write is on ${available} standby(s) instead of ${promised.count}.`,
            ]
          : []),
        ...standbys
          .filter((one) => !others.includes(one))
          .map(
            ({ node }) =>
              `${node} has diverged, and follows afterwards as little as now: \`blackstart mitigate rejoin ${facts.cluster}/${node}\`.`,
          ),
        ...steps.promisedStatements(promised, target.node),
        ...steps.clientStatements(cluster),
      ],
    },
    steps: stepsOf(cluster, facts, primary.node, target, { others, receiving }, promised, available),
  };
}

function stepsOf(
  cluster: Cluster,
  facts: ClusterFacts,
  primary: string,
  promoted: AnsweringNode,
  standbys: Readonly<Record<"others" | "receiving", readonly AnsweringNode[]>>,
  promised: Promised,
  available: number,
): readonly Step[] {
  const { cluster: name } = facts;
  const target = promoted.node;
  const others = standbys.others.map((one) => one.node);
  return [
    steps.checkpointStep(name, primary),
    ...steps.promiseSteps(name, target, promised, { among: [promoted, ...standbys.receiving] }),
    {
      id: "hand-over",
      kind: "postgres.hand-over",
      title: `Stop ${primary} cleanly, and wait until ${target} has all of its log; if not, start ${primary} again where that is safe`,
      parameters: { cluster: name, node: primary, target },
      destructive: true,
    },
    steps.promoteStep(name, target, {
      timeline: steps.stoppedTimeline,
      timelines: timelinesNow(facts),
      old: primary,
      fenced: steps.stoppedControl,
    }),
    ...(others.length > 0 ? [steps.followStep(name, target, [target, ...others])] : []),
    ...steps.clientSteps(name, cluster, target),
    steps.verifyWriteStep(name, cluster, target, available, true),
    steps.rejoinStep(name, primary, target),
    ...steps.promiseSteps(name, target, promised, {}),
    steps.verifyPromiseStep(name, target, promised, [primary, ...others]),
  ];
}

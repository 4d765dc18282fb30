import { olderLine } from "../../drivers/postgres/history.ts";
import type { ControlData } from "../../drivers/postgres/instance.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { Cluster } from "../../system/schema.ts";
import type { ClusterFacts, NodeFacts } from "../cluster-facts.ts";
import { outageOf } from "../outage.ts";
import { lineOf } from "../old-primary.ts";
import { type Choice, hostNextOf, type PlanDraft, refuse } from "../planning.ts";
import { promisedAfter } from "../promise.ts";
import { refuseStart } from "../start-safety.ts";
import * as steps from "../step-list.ts";
import { seenOf, writesOf } from "../who-writes.ts";
import { startStep } from "./restart.ts";
import {
  endingSteps,
  fatesOf,
  fateStatements,
  isAlive,
  planStandbys,
  riskOf,
  standbySteps,
} from "./restart-standbys.ts";
import { needsPersonFor } from "./serving.ts";

type Startable = NodeFacts & Readonly<{ control: ControlData }>;

/**
 * Everything is down. The last primary is started as what it was, then the standbys. Nothing is promoted: a standby
 * that would be promoted here might lack what the last primary acknowledged. Where all that can be seen are standbys, a
 * failover compares what they hold, once they run.
 */
export function planRestartCluster(cluster: Cluster, facts: ClusterFacts, choice: Choice): PlanDraft | Refusal {
  const alive = refuseAlive(facts);
  if (alive !== undefined) return alive;
  const startable = startableOf(facts);
  if ("refused" in startable) return startable;
  const unnamed = refuseNamed(facts, startable, choice);
  if (unnamed !== undefined) return unnamed;
  if (isOfStandbys(startable, choice)) return planStandbys(facts, startable, choice);
  const primary = lastPrimaryByControl(facts, startable);
  if ("refused" in primary) return primary;
  const others = facts.nodes.filter(
    (one) => one.node !== primary.node && one.instance !== undefined && one.instance.state !== "no-data",
  );
  const promised = promisedAfter(cluster, facts, primary);
  const fates = fatesOf(
    others.filter((one) => one.instance?.standbySignal === true),
    choice,
  );
  const standbys = [...fates.started, ...fates.ended];
  const stale = others.filter((one) => one.instance?.standbySignal !== true);
  return {
    kind: "restart",
    urgent: true,
    ...needsPersonFor(primary, ...standbys, ...stale, ...fates.left),
    subject: { kind: "cluster", name: facts.cluster },
    because: [
      `No node of ${facts.cluster} answers.`,
      `${primary.node} was the primary: it is no standby, and its pg_control is on timeline ${primary.control.timelineId} at ${primary.control.checkpointLsn} (${primary.control.clusterState}).`,
    ],
    risk: riskOf(facts, primary, [
      "After a crash each server replays its log first; how long that takes depends on max_wal_size.",
      ...stale.map(
        (one) =>
          `${one.node} was a primary too, on an older timeline. It comes back as a standby; what it alone has written is kept.`,
      ),
      ...fateStatements(facts.cluster, { ...fates, ended: [primary, ...fates.ended] }),
    ]),
    steps: [
      ...stale.map((one) => ({
        ...steps.fenceStep(facts.cluster, one.node, { outage: outageOf(one) }),
        id: `fence-${one.node}`,
      })),
      ...endingSteps(facts.cluster, primary),
      startStep(facts.cluster, primary.node, "primary"),
      ...standbySteps(facts.cluster, fates),
      steps.verifyWriteStep(facts.cluster, cluster, primary.node, promised.count),
      ...standbys.map((one) => steps.rejoinStep(facts.cluster, one.node, primary.node)),
      ...stale.flatMap((one) => [
        steps.keepStep(facts.cluster, one.node),
        steps.rejoinStep(facts.cluster, one.node, primary.node),
      ]),
      steps.verifyPromiseStep(
        facts.cluster,
        primary.node,
        promised,
        [...standbys, ...stale].map((one) => one.node),
      ),
    ],
  };
}

/** A standby that lets nobody in is not in the way: it may wait for the very primary that is to be started. */
function refuseAlive(facts: ClusterFacts): Refusal | undefined {
  const alive = facts.nodes.find((one) => isAlive(one) && writesOf(seenOf(one), 0).writes !== "does-not");
  if (alive === undefined) return undefined;
  return refuse(
    "alive",
    `${alive.node} is alive: ${alive.problem ?? alive.reach}.`,
    "Wait for it to come up, then ask again.",
  );
}

function refuseNamed(facts: ClusterFacts, startable: readonly Startable[], choice: Choice): Refusal | undefined {
  const named = facts.nodes.find((one) => one.node === choice.node);
  if (named === undefined || startable.some((one) => one.node === named.node)) return undefined;
  return refuse(
    "host",
    `${named.node} cannot be started from here: ${named.hostProblem ?? "no data directory"}.`,
    hostNextOf(named),
  );
}

/** A standby that was named is started alone where the primary runs, as its host sees it, and may be at work. */
function isOfStandbys(startable: readonly Startable[], choice: Choice): boolean {
  const isMarked = ({ instance }: Startable) => instance?.standbySignal === true;
  if (startable.every(isMarked)) return true;
  const isNamed = startable.some((one) => one.node === choice.node && isMarked(one));
  return isNamed && startable.some((one) => !isMarked(one) && one.instance?.state === "running");
}

/** Those of which their hosts can tell what they hold. */
function startableOf(facts: ClusterFacts): readonly Startable[] | Refusal {
  const startable = facts.nodes.filter(
    (one): one is Startable => one.control !== undefined && one.instance !== undefined,
  );
  if (startable.length > 0) return startable;
  return refuse(
    "host",
    `No host of ${facts.cluster} can be asked what its server holds: ${facts.nodes.map((one) => `${one.node}: ${one.hostProblem ?? "no data directory"}`).join("; ")}.`,
    "Declare `host:` for the nodes, see that their machines are up, and ask again.",
  );
}

/** Of the nodes without a standby.signal, the one whose timeline descends from all the others; `refuseStart` checks the rest. */
function lastPrimaryByControl(facts: ClusterFacts, startable: readonly Startable[]): Startable | Refusal {
  const primaries = startable.filter((one) => one.instance?.standbySignal === false);
  const last = primaries.find((one) => primaries.every((other) => other === one || wasOnceThat(other, one)));
  if (last === undefined)
    return refuse(
      "one-primary",
      `${primaries.map((one) => `${one.node} (timeline ${one.control.timelineId})`).join(" and ")} both were primaries, and neither left the timeline of the other.`,
      "Find out which of them the clients used last, and put `standby.signal` into the data directory of the other.",
    );
  return refuseStart(facts, last) ?? last;
}

/** Whether the last one was promoted from the timeline of the other. */
function wasOnceThat(other: NodeFacts, last: NodeFacts): boolean {
  const [older, newer] = [lineOf(other), lineOf(last)];
  return older !== undefined && newer !== undefined && olderLine(older, newer) === older;
}

import { olderLine } from "../../drivers/postgres/history.ts";
import type { ControlData } from "../../drivers/postgres/instance.ts";
import type { Refusal, Risk } from "../../plan/plan.ts";
import type { Cluster } from "../../system/schema.ts";
import type { ClusterFacts, NodeFacts } from "../cluster-facts.ts";
import { outageOf } from "../outage.ts";
import { knownPrimary, lineOf } from "../old-primary.ts";
import { type Choice, type PlanDraft, refuse } from "../planning.ts";
import { promisedAfter } from "../promise.ts";
import { refuseStart } from "../start-safety.ts";
import * as steps from "../step-list.ts";
import { afterCrash } from "./loss-risk.ts";
import { startStep } from "./restart.ts";
import { needsPersonFor } from "./serving.ts";

const restartDowntimeSeconds = 10;

type Startable = NodeFacts & Readonly<{ control: ControlData }>;

/**
 * Everything is down. The last primary is started as what it was, then the standbys. Nothing is promoted: a standby
 * that would be promoted here might lack what the last primary acknowledged. Where all that can be seen are standbys, a
 * failover compares what they hold, once they run.
 */
export function planRestartCluster(cluster: Cluster, facts: ClusterFacts, choice: Choice): PlanDraft | Refusal {
  const starting = facts.nodes.find((one) => one.reach === "starting" || one.reach === "denied");
  if (starting !== undefined)
    return refuse(
      "alive",
      `${starting.node} is alive: ${starting.problem ?? starting.reach}.`,
      "Wait for it to come up, then ask again.",
    );
  const startable = startableOf(facts);
  if ("refused" in startable) return startable;
  if (startable.every(({ instance }) => instance?.standbySignal === true))
    return startStandbys(facts, startable, choice);
  const primary = lastPrimaryByControl(facts, startable);
  if ("refused" in primary) return primary;
  const others = facts.nodes.filter(
    (one) => one.node !== primary.node && one.instance !== undefined && one.instance.state !== "no-data",
  );
  const promised = promisedAfter(cluster, facts, primary);
  const standbys = others.filter((one) => one.instance?.standbySignal === true);
  const stale = others.filter((one) => one.instance?.standbySignal !== true);
  return {
    kind: "restart",
    urgent: true,
    ...needsPersonFor(primary, ...others),
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
    ]),
    steps: [
      ...stale.map((one) => ({
        ...steps.fenceStep(facts.cluster, one.node, { outage: outageOf(one) }),
        id: `fence-${one.node}`,
      })),
      startStep(facts.cluster, primary.node, "primary"),
      ...standbys.map((one) => ({ ...startStep(facts.cluster, one.node, "standby"), onFailure: "continue" as const })),
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
        others.map((one) => one.node),
      ),
    ],
  };
}

/** A plan that was stopped after its fence leaves this behind, when the last standby dies as well. */
function startStandbys(facts: ClusterFacts, startable: readonly Startable[], choice: Choice): PlanDraft {
  const named = startable.filter((one) => one.node === choice.node);
  const standbys = named.length > 0 ? named : startable;
  return {
    kind: "restart",
    urgent: true,
    ...needsPersonFor(...standbys),
    subject: { kind: "cluster", name: facts.cluster },
    because: [
      `No node of ${facts.cluster} answers.`,
      `All servers that can be seen are standbys: ${startable.map((one) => one.node).join(", ")}.`,
    ],
    risk: riskOf(facts, knownPrimary(facts) ?? standbys[0], [
      `Nothing is promoted, and nothing can be written yet: \`blackstart mitigate failover ${facts.cluster}\` compares what they hold, and promotes one.`,
    ]),
    steps: standbys.map((one) => ({
      ...startStep(facts.cluster, one.node, "standby"),
      onFailure: "continue" as const,
    })),
  };
}

/** @param primary the last one, as far as it is known */
function riskOf(facts: ClusterFacts, primary: NodeFacts | undefined, statements: readonly string[]): Risk {
  const risk = { lossBytes: 0, lossSeconds: 0, downtimeSeconds: restartDowntimeSeconds, statements };
  return primary === undefined ? risk : afterCrash(risk, facts, primary);
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

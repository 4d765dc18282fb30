import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { ControlData } from "../../drivers/postgres/instance.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { Cluster } from "../../system/schema.ts";
import type { ClusterFacts, NodeFacts } from "../cluster-facts.ts";
import { outageOf } from "../outage.ts";
import { type PlanDraft, refuse } from "../planning.ts";
import { promisedAfter } from "../promise.ts";
import * as steps from "../step-list.ts";
import { startStep } from "./restart.ts";
import { needsPersonFor } from "./serving.ts";

const restartDowntimeSeconds = 10;

type Startable = NodeFacts & Readonly<{ control: ControlData }>;

/**
 * Everything is down. The last primary is started as what it was, then the standbys. Nothing is promoted: a standby
 * that would be promoted here might lack what the last primary acknowledged.
 */
export function planRestartCluster(cluster: Cluster, facts: ClusterFacts): PlanDraft | Refusal {
  const starting = facts.nodes.find((one) => one.reach === "starting" || one.reach === "denied");
  if (starting !== undefined)
    return refuse(
      "alive",
      `${starting.node} is alive: ${starting.problem ?? starting.reach}.`,
      "Wait for it to come up, then ask again.",
    );
  const primary = lastPrimaryByControl(facts);
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
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: restartDowntimeSeconds,
      statements: [
        "After a crash each server replays its log first; how long that takes depends on max_wal_size.",
        ...stale.map(
          (one) =>
            `${one.node} was a primary too, on an older timeline. It comes back as a standby; what it alone has written is kept.`,
        ),
      ],
    },
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

/** The node that is no standby and whose pg_control is furthest, provided that no standby has gone further. */
function lastPrimaryByControl(facts: ClusterFacts): Startable | Refusal {
  const startable = facts.nodes.filter(
    (one): one is Startable => one.control !== undefined && one.instance !== undefined,
  );
  const unseen = facts.nodes.filter((one) => one.control === undefined);
  if (startable.length === 0)
    return refuse(
      "host",
      `No host of ${facts.cluster} can be asked what its server holds: ${unseen.map((one) => `${one.node}: ${one.hostProblem ?? "no data directory"}`).join("; ")}.`,
      "Declare `host:` for the nodes, see that their machines are up, and ask again.",
    );
  const best = startable.filter((one) => one.instance?.standbySignal === false).sort(furtherFirst);
  const primary = best[0];
  const newest = Math.max(...startable.map((one) => one.control.timelineId));
  if (primary === undefined)
    return refuse(
      "last-primary",
      `All servers that can be seen are standbys (${startable.map((one) => one.node).join(", ")}); none may be promoted blindly.`,
      "Bring the host of the last primary back. If it is lost: start the standbys, then `blackstart mitigate failover`, which compares what they hold.",
    );
  if (primary.control.timelineId < newest)
    return refuse(
      "last-primary",
      `${primary.node} is no standby, but on timeline ${primary.control.timelineId}; another node is on timeline ${newest}. It is a stale primary.`,
      `Start the node on timeline ${newest} first, and see what it holds.`,
    );
  if (best.length > 1 && best[1]?.control.timelineId === newest)
    return refuse(
      "one-primary",
      `${best.map((one) => one.node).join(" and ")} both were primaries on timeline ${newest}.`,
      "Find out which of them the clients used last, and put `standby.signal` into the data directory of the other.",
    );
  const forgotten = unseen.find(
    (one) =>
      (one.remembered?.timelineId ?? 0) > newest ||
      (one.remembered?.role === "primary" && (one.remembered.timelineId ?? 0) >= newest),
  );
  if (forgotten !== undefined && forgotten.node !== primary.node)
    return refuse(
      "last-primary",
      `${forgotten.node} was the primary when it was last seen, and its host cannot be asked: ${forgotten.hostProblem ?? "no host"}.`,
      `Bring the host of ${forgotten.node} back, and ask again.`,
    );
  return primary;
}

function furtherFirst(a: Startable, b: Startable): number {
  return b.control.timelineId - a.control.timelineId || lsnAhead(b.control.checkpointLsn, a.control.checkpointLsn);
}

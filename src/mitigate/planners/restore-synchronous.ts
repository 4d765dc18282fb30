import { counting, formatSynchronousNames, isSameSetting } from "../../drivers/postgres/synchronous-names.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { System } from "../../system/schema.ts";
import type { ClusterFacts } from "../cluster-facts.ts";
import { type Choice, declaredCluster, onePrimary, type PlanDraft, refuse, refuseManaged } from "../planning.ts";
import { confirmingFrom, promisedAfter, promiseUnder } from "../promise.ts";
import * as steps from "../step-list.ts";

/**
 * The promise of durability was lowered (a plan that stopped, or went on without a standby), or is less than the system
 * file wants. It is raised again, once those standbys stream that commits shall wait for.
 */
export function planRestoreSynchronous(system: System, facts: ClusterFacts, _choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const managed = refuseManaged(cluster, facts.cluster);
  if (managed) return managed;
  const primary = onePrimary(facts);
  if ("refused" in primary) return primary;
  const promised = promisedAfter(cluster, facts, primary);
  const wanted = promiseUnder(promised, primary.node);
  const [before, after] = [primary.observation.settings.synchronousStandbyNames, formatSynchronousNames(wanted)];
  if (wanted === undefined || isSameSetting(before, after))
    return refuse(
      "already",
      `Commits on ${primary.node} wait as they are meant to: synchronous_standby_names = '${before}'.`,
      "There is nothing to raise.",
    );
  const there = counting(wanted, confirmingFrom(primary));
  if (there.length < wanted.count)
    return refuse(
      "standbys",
      `${there.length} of the ${wanted.count} standbys that '${after}' waits for stream from ${primary.node}; commits would hang.`,
      "Bring the standbys back first: `blackstart mitigate rejoin`, which raises it as well.",
    );
  return {
    kind: "restore-synchronous",
    subject: { kind: "cluster", name: facts.cluster },
    because: [
      `Commits on ${primary.node} wait for '${before}', and are meant to wait for '${after}'; ${there.join(", ")} ${there.length === 1 ? "streams" : "stream"}.`,
    ],
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: 0,
      statements: [
        steps.promiseStatement(before, after),
        "From then on a commit takes as long as the slowest standby that it waits for.",
      ],
    },
    steps: [
      ...steps.promiseSteps(facts.cluster, primary.node, promised, { seen: before }).map((step) => ({
        ...step,
        onFailure: "stop" as const,
        undoable: true,
      })),
      steps.verifyWriteStep(facts.cluster, cluster, primary.node, wanted.count),
    ],
  };
}

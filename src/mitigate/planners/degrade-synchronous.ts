import { counting, formatSynchronousNames } from "../../drivers/postgres/synchronous-names.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { System } from "../../system/schema.ts";
import type { ClusterFacts } from "../cluster-facts.ts";
import { promiseOf } from "../loss.ts";
import { type Choice, declaredCluster, onePrimary, type PlanDraft, refuse, refuseManaged } from "../planning.ts";
import { confirmingFrom, type Promised, promisedAfter, standIns } from "../promise.ts";
import * as steps from "../step-list.ts";

/**
 * Commits hang because the standbys that they wait for are gone, or confirm nothing. The primary is let to wait for those
 * only that are there and confirm. It gives a promise up, so a person decides.
 */
export function planDegradeSynchronous(system: System, facts: ClusterFacts, _choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const managed = refuseManaged(cluster, facts.cluster);
  if (managed) return managed;
  const primary = onePrimary(facts);
  if ("refused" in primary) return primary;
  const names = promiseOf(primary)?.names;
  if (names === undefined)
    return refuse(
      "already",
      `${primary.node} waits for no standby: synchronous_standby_names is empty.`,
      "If commits hang, the reason is another; see `blackstart check`.",
    );
  // As PostgreSQL counts: by `*` also what could not stand in.
  const waited = counting(names, confirmingFrom(primary));
  if (waited.length >= names.count && primary.stall === undefined)
    return refuse(
      "already",
      `${names.count} of the standbys that ${primary.node} waits for stream from it (${waited.join(", ")}).`,
      "Commits need not hang; if they do, see `blackstart check`.",
    );
  const { members } = promisedAfter(cluster, facts, primary);
  const streaming = standIns(names, members, primary.stall?.confirming ?? confirmingFrom(primary));
  const count = Math.min(names.count, streaming.length);
  const reduced: Promised = {
    count,
    method: names.method,
    names: [...new Set(streaming)],
    members,
    old: primary.node,
  };
  const before = formatSynchronousNames(names);
  return {
    kind: "degrade-synchronous",
    urgent: true,
    subject: { kind: "cluster", name: facts.cluster },
    because: [
      waited.length >= names.count
        ? `${primary.node} waits for ${names.count} of ${before}; ${waited.join(", ")} streams from it, and too few confirm: commits hang.`
        : `${primary.node} waits for ${names.count} of ${before}, and ${waited.length === 0 ? "none" : waited.join(", ")} of them streams from it: commits hang.`,
    ],
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: 0,
      statements: statementsOf(primary.node, names.count, streaming, before),
    },
    steps: [
      {
        ...steps.setSynchronousStep("degrade", facts.cluster, primary.node, reduced, {
          when: "degraded",
          seen: before,
        }),
        title: titleOf(primary.node, count, streaming),
        destructive: true,
        undoable: true,
      },
      steps.verifyWriteStep(facts.cluster, cluster, primary.node, count),
    ],
  };
}

function titleOf(primary: string, count: number, streaming: readonly string[]): string {
  return count === 0
    ? `Let ${primary} acknowledge writes without waiting for any standby`
    : `Let ${primary} wait for ${count} of ${streaming.join(", ")} instead`;
}

function statementsOf(
  primary: string,
  promised: number,
  streaming: readonly string[],
  before: string,
): readonly string[] {
  const count = Math.min(promised, streaming.length);
  const given =
    count < promised
      ? `from then on an acknowledged write is on ${count} standby(s) instead of ${promised}. If ${primary} is lost meanwhile, so may be what it acknowledged.`
      : `from then on an acknowledged write is on ${count} of ${streaming.join(", ")} instead of ${before}. Those were not meant to be waited for: they may be slower, or stand in the same place.`;
  return [
    `The promise that is given up: ${given}`,
    `To take it back once the standbys stream again: \`blackstart plan undo\`, or on ${primary}, ALTER SYSTEM SET synchronous_standby_names = '${before.replaceAll("'", "''")}'; SELECT pg_reload_conf();`,
  ];
}

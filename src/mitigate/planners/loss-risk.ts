import { compareWalEnds } from "../../drivers/postgres/history.ts";
import type { Risk } from "../../plan/plan.ts";
import type { ClusterFacts, NodeFacts } from "../cluster-facts.ts";
import { unwrittenWhy } from "../commit-level.ts";
import type { Lines } from "../lines.ts";
import type { LossVerdict } from "../loss.ts";
import { lineOf, linesOf, type StandbyHolder } from "../old-primary.ts";

/** Seconds for which a failover keeps clients from writing once it runs; measured on a lab: 0.1–0.3. */
const failoverDowntimeSeconds = 1;

/**
 * The loss in numbers. Bytes can be told only where the end of the old primary's WAL can be read; a time cannot be
 * told from bytes, so it is unknown unless there is nothing to lose.
 */
export function lossRisk(verdict: LossVerdict, lines: Lines<StandbyHolder>, primary: NodeFacts): Risk {
  if (verdict.kind === "none")
    return { lossBytes: 0, lossSeconds: 0, downtimeSeconds: failoverDowntimeSeconds, statements: [] };
  const bytes = bytesBehind(lines, primary);
  const lossBytes = verdict.unwritten ? null : bytes;
  const unwritten = verdict.unwritten ? [unwrittenText(primary)] : [];
  return {
    lossBytes,
    lossSeconds: lossBytes === 0 ? 0 : null,
    downtimeSeconds: failoverDowntimeSeconds,
    statements: [[lossStatement(bytes, primary), ...unwritten].join(" ")],
  };
}

/**
 * The risk of a plan that restarts the primary after a crash, or elects among standbys of which one was that primary.
 * Commits that were only in its memory are lost whatever is done, so nobody has to accept that. Where the primary hangs,
 * killing it is what loses them.
 */
export function afterCrash(risk: Risk, facts: ClusterFacts, primary: NodeFacts): Risk {
  const { node, observation, instance, control, onDisk } = primary;
  const why = unwrittenWhy(primary, linesOf(facts, primary));
  if (why === undefined || (control ?? onDisk)?.clusterState === "shut down") return risk;
  const hangs = observation === undefined && (instance?.state === "running" || instance?.state === "stopped-processes");
  const text = hangs
    ? `Commits that did not wait for ${node}'s disk, and are in its memory alone, are lost when its processes are killed.`
    : `If ${node} crashed, commits of its last moment that did not wait for its disk may be gone, whatever is done now.`;
  const loss = hangs ? { lossBytes: null, lossSeconds: null } : { lostBefore: true as const };
  return { ...risk, ...loss, statements: [`${why} ${text}`, ...risk.statements] };
}

function unwrittenText({ node }: NodeFacts): string {
  return `But commits that do not wait for the disk are acknowledged before: any that ${node} had in memory alone died with it, and no start of it brings them back.`;
}

function bytesBehind({ onLine: [furthest] }: Lines<StandbyHolder>, primary: NodeFacts): number | null {
  const line = lineOf(primary);
  if (primary.writtenLsn === undefined || line === undefined || furthest === undefined) return null;
  const compared = compareWalEnds({ ...line, lsn: primary.writtenLsn }, furthest.end);
  switch (compared.kind) {
    case "same-line":
      return Math.max(0, compared.aheadBytes);
    case "diverged":
      return compared.beyondBytes.a;
    case "unknown":
      return null;
  }
}

function lossStatement(bytes: number | null, primary: NodeFacts): string {
  if (bytes === null)
    return `How much could be lost cannot be measured: the end of ${primary.node}'s WAL cannot be read. What it had written stays in its kept WAL.`;
  if (bytes === 0) return `${primary.node}'s WAL ends where the standbys' does: nothing more was written.`;
  return `${bytes} bytes of ${primary.node}'s WAL never reached a standby that answers; what they hold is lost, but stays in its kept WAL.`;
}

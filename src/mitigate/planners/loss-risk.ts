import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Risk } from "../../plan/plan.ts";
import { type ClusterFacts, currentStandbysOf, type NodeFacts, receivedLsn } from "../cluster-facts.ts";
import type { LossVerdict } from "../loss.ts";

/** Seconds for which a failover keeps clients from writing once it runs; measured on a lab: 0.1–0.3. */
const failoverDowntimeSeconds = 1;

/**
 * The loss in numbers. Bytes can be told only where the end of the last primary's log can be read; a time cannot be
 * told from bytes, so it is unknown unless there is nothing to lose.
 */
export function lossRisk(verdict: LossVerdict, facts: ClusterFacts, primary: NodeFacts): Risk {
  if (verdict.kind === "none")
    return { lossBytes: 0, lossSeconds: 0, downtimeSeconds: failoverDowntimeSeconds, statements: [] };
  const bytes = bytesBehind(facts, primary);
  return {
    lossBytes: bytes,
    lossSeconds: bytes === 0 ? 0 : null,
    downtimeSeconds: failoverDowntimeSeconds,
    statements: [lossStatement(bytes, primary)],
  };
}

function bytesBehind(facts: ClusterFacts, primary: NodeFacts): number | null {
  const written = primary.writtenLsn;
  if (written === undefined) return null;
  const ahead = currentStandbysOf(facts, primary).map((standby) => lsnAhead(written, receivedLsn(standby)));
  return ahead.length === 0 ? null : Math.max(0, Math.min(...ahead));
}

function lossStatement(bytes: number | null, primary: NodeFacts): string {
  if (bytes === null)
    return `How much could be lost cannot be measured: the end of ${primary.node}'s log cannot be read. Whatever is lost stays in its kept log.`;
  if (bytes === 0) return `${primary.node}'s log ends where the standbys' does: nothing more was written.`;
  return `${bytes} bytes of ${primary.node}'s log never reached a standby that answers; what they hold is lost, but stays in its kept log.`;
}

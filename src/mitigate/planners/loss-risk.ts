import { compareWalEnds } from "../../drivers/postgres/history.ts";
import type { Risk } from "../../plan/plan.ts";
import type { NodeFacts } from "../cluster-facts.ts";
import type { Lines } from "../lines.ts";
import type { LossVerdict } from "../loss.ts";
import { lineOf, type StandbyHolder } from "../old-primary.ts";

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
  if (verdict.kind === "possible" && verdict.unwritten === true && bytes === 0)
    return {
      lossBytes: null,
      lossSeconds: null,
      downtimeSeconds: failoverDowntimeSeconds,
      statements: [
        `${lossStatement(bytes, primary)} But commits that do not wait for the disk are acknowledged before: those that ${primary.node} had in memory alone died with it, and no start of it brings them back.`,
      ],
    };
  return {
    lossBytes: bytes,
    lossSeconds: bytes === 0 ? 0 : null,
    downtimeSeconds: failoverDowntimeSeconds,
    statements: [lossStatement(bytes, primary)],
  };
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
    return `How much could be lost cannot be measured: the end of ${primary.node}'s WAL cannot be read. Whatever is lost stays in its kept WAL.`;
  if (bytes === 0) return `${primary.node}'s WAL ends where the standbys' does: nothing more was written.`;
  return `${bytes} bytes of ${primary.node}'s WAL never reached a standby that answers; what they hold is lost, but stays in its kept WAL.`;
}

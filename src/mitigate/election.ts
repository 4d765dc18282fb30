import { type Lsn, lsnAhead } from "../drivers/postgres/lsn.ts";

/** A standby that receives nothing more. */
export type Candidate = Readonly<{
  node: string;
  lsn: Lsn;
  /** The newest timeline on which it holds log; 0 where it cannot be seen. */
  timeline: number;
  /** It is a primary already. */
  promoted: boolean;
}>;

/**
 * What has to hold at the moment of the election so that no acknowledged write is lost, as the plan found it.
 * `of`, `missingMax`: of these, at most so many may be silent. `received`: somebody has received at least so much.
 * `timeline`: on which the last primary wrote; who has no log of it has nothing of what was written there.
 */
export type Needs = Readonly<{ of?: readonly string[]; missingMax?: number; received?: Lsn; timeline?: number }>;

/**
 * The one that has received most; the candidates come in the order of preference, which decides a tie. Log of a newer
 * timeline counts as more: what a stale standby holds beyond the fork was given up by an earlier failover.
 */
export function elect(candidates: readonly Candidate[], chosen?: string): Candidate | undefined {
  const promoted = candidates.find((one) => one.promoted);
  if (promoted !== undefined) return promoted;
  const ordered = [...candidates].sort((a, b) => Number(b.node === chosen) - Number(a.node === chosen));
  return ordered.reduce<Candidate | undefined>(
    (best, one) => (best === undefined || isFurther(one, best) ? one : best),
    undefined,
  );
}

function isFurther(a: Candidate, b: Candidate): boolean {
  if (a.timeline !== b.timeline && a.timeline > 0 && b.timeline > 0) return a.timeline > b.timeline;
  return lsnAhead(a.lsn, b.lsn) > 0;
}

/** Why the election would not be safe now, although it was when the plan was made; undefined when it is. */
export function unmetNeed(all: readonly Candidate[], needs: Needs): string | undefined {
  const { received, timeline = 0 } = needs;
  const candidates = all.filter((one) => one.timeline >= timeline);
  if (candidates.length === 0 && all.length > 0)
    return `Nobody that answers holds log of timeline ${timeline}, on which the last primary wrote.`;
  const silent = (needs.of ?? []).filter((node) => !candidates.some((one) => one.node === node));
  if (silent.length > (needs.missingMax ?? silent.length))
    return `${silent.join(", ")} no longer answers, and may hold acknowledged writes that no other has.`;
  if (received === undefined || candidates.some((one) => lsnAhead(one.lsn, received) >= 0)) return undefined;
  return `Nobody that answers has received up to ${received}, as one had when the plan was made.`;
}

import type { WalEnd } from "../drivers/postgres/history.ts";
import { compareWalEnds } from "../drivers/postgres/history.ts";
import { type Lsn, lsnAhead } from "../drivers/postgres/lsn.ts";
import { apartText, leftOutTexts } from "./line-words.ts";
import { sortByLine } from "./lines.ts";

/** A standby that receives nothing more. */
export type Candidate = Readonly<{
  node: string;
  /** Undefined where it would not tell. */
  end: WalEnd | undefined;
  /** It is a primary already. */
  promoted: boolean;
  /** What it has received and not yet replayed: it takes no writes before it has. */
  toReplayBytes?: number;
}>;

/** Takes a moment; beyond that, another that has received as much is writable sooner. */
const toReplayBytesMax = 16 * 1024 * 1024;

/**
 * What has to hold at the moment of the election so that no acknowledged write is lost, as the plan found it.
 */
export type Needs = Readonly<{
  /** Where the old primary wrote last, as far as is known: who is on another branch does not count. */
  line?: WalEnd;
  /** Of these, at most so many may be silent. */
  of?: readonly string[];
  missingMax?: number;
  /** Somebody has received at least so much. */
  received?: Lsn;
  /** Each of these has every acknowledged write, also where another has received more. */
  complete?: readonly string[];
  /** What the chosen one lacks was accepted. */
  acceptLoss?: boolean;
}>;

export type Election =
  | Readonly<{ kind: "elected"; candidate: Candidate & { end: WalEnd }; leftOut: readonly string[] }>
  | Readonly<{ kind: "nobody"; why: string }>;

/**
 * The one that has received most on the line of the old primary; the candidates come in the order of preference, which
 * decides a tie. One that was chosen is taken or nobody is.
 */
export function elect(candidates: readonly Candidate[], needs: Needs, chosen?: string): Election {
  const lines = sortByLine(candidates, needs.line);
  const { onLine } = lines;
  const leftOut = leftOutTexts(lines);
  const nobody = (...why: readonly string[]): Election => ({ kind: "nobody", why: [...why, ...leftOut].join(" ") });
  if (lines.apart.length > 0) return nobody(apartText(lines.apart));
  const furthest = onLine.find((one) => one.promoted) ?? soonest(onLine);
  if (furthest === undefined) return nobody("No candidate that answers holds what the old primary wrote.");
  const need = unmetNeed(onLine, needs) ?? (furthest.promoted ? undefined : promotedSince(onLine, needs));
  if (need !== undefined) return nobody(need);
  // Promoted already, before an interruption: nobody may be promoted beside it.
  if (chosen === undefined || furthest.promoted) return { kind: "elected", candidate: furthest, leftOut };
  const wanted = onLine.find((one) => one.node === chosen);
  if (wanted === undefined) return nobody(`${chosen}, which was chosen, cannot be promoted.`);
  const compared = compareWalEnds(furthest.end, wanted.end);
  const lacks = compared.kind === "same-line" ? compared.aheadBytes : Number.POSITIVE_INFINITY;
  if (lacks <= 0 || needs.acceptLoss === true || needs.complete?.includes(chosen) === true)
    return { kind: "elected", candidate: wanted, leftOut };
  return nobody(
    `${chosen}, which was chosen, lacks ${lacks} bytes that ${furthest.node} has received; acknowledged writes may be among them.`,
  );
}

/** Of those that have received most, one that is not busy replaying for long. */
function soonest(onLine: readonly (Candidate & { end: WalEnd })[]) {
  const [first] = onLine;
  const isAsFar = ({ end }: { end: WalEnd }) => {
    const compared = first && compareWalEnds(first.end, end);
    return compared?.kind === "same-line" && compared.aheadBytes === 0;
  };
  return onLine.find((one) => isAsFar(one) && (one.toReplayBytes ?? 0) <= toReplayBytesMax) ?? first;
}

/** The plan knows nothing of the primary that this one followed, or was, in between. */
function promotedSince(onLine: readonly (Candidate & { end: WalEnd })[], { line }: Needs): string | undefined {
  const later = onLine.find(({ end }) => end.ancestors?.some((one) => one.timelineId === line?.timelineId));
  if (later === undefined) return undefined;
  return `${later.node} is on timeline ${later.end.timelineId}: somebody was promoted since this plan was made, and may have acknowledged writes.`;
}

/** Why the election would not be safe now, although it was when the plan was made; undefined when it is. */
function unmetNeed(onLine: readonly (Candidate & { end: WalEnd })[], needs: Needs): string | undefined {
  const silent = (needs.of ?? []).filter((node) => !onLine.some((one) => one.node === node));
  if (silent.length > (needs.missingMax ?? silent.length))
    return `${silent.join(", ")} no longer answers, and may hold acknowledged writes that no other has.`;
  const { received } = needs;
  if (received === undefined || onLine.some(({ end }) => lsnAhead(end.lsn, received) >= 0)) return undefined;
  return `Nobody that answers has received up to ${received}, as one had when the plan was made.`;
}

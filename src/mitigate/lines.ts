import { type Ancestor, compareWalEnds, type WalComparison, type WalEnd } from "../drivers/postgres/history.ts";
import { lsnAhead } from "../drivers/postgres/lsn.ts";

/*
 * Who holds the line of history on which was written last. A greater timeline says nothing: somebody may have promoted a
 * standby by hand and made it a standby again. What such a branch holds the line never had, and the other way round.
 */

/** A server, and where its WAL ends; undefined where it would not tell. */
export type Holder = Readonly<{ node: string; end: WalEnd | undefined }>;

type Known<T> = T & Readonly<{ end: WalEnd }>;

export type Branch<T> = Readonly<{
  holder: Known<T>;
  /** Where it and the line parted. */
  fork: Ancestor;
  /** What it alone holds. */
  ownBytes: number;
}>;

export type Lines<T> = Readonly<{
  /** The furthest first; between equals in the order in which they came. */
  onLine: readonly Known<T>[];
  branches: readonly Branch<T>[];
  /** Whether they hold the line cannot be told, and why. */
  unknown: readonly Readonly<{ holder: T; why: string }>[];
  /** These went apart, and nothing tells which of them holds what was written last; `onLine` is empty then. */
  apart: readonly Known<T>[];
}>;

/**
 * Sorts servers by a line. Pure.
 *
 * Who has the primary's timeline as its own, or among its ancestors, holds its line as far as it goes; so does who has not
 * come to it yet. Of two of them that went apart, the one on the very timeline of the primary is right: it received more
 * on it than the other took along.
 * @param line where the primary wrote last, as far as is known. Its position does not matter: what nobody else has cannot
 *   be promoted
 */
export function sortByLine<T extends Holder>(holders: readonly T[], line: WalEnd | undefined): Lines<T> {
  const known = holders.filter((one): one is Known<T> => one.end !== undefined);
  const near = known.filter((one) => line === undefined || hasLine(one.end, line));
  const own = furthestOf(near.filter((one) => one.end.timelineId === line?.timelineId));
  const side = own === undefined ? near : near.filter((one) => isSameLine(one.end, own.end));
  const furthest = furthestOf(side);
  const reference = furthest?.end ?? line;
  const compared = known.map((holder) => ({ holder, to: reference && compareWalEnds(holder.end, reference) }));
  const isApart = side.some((one) => furthest !== undefined && kindOf(one, furthest) === "diverged");
  return {
    onLine: isApart ? [] : compared.flatMap(whenOn).toSorted((a, b) => lsnAhead(b.end.lsn, a.end.lsn)),
    branches: isApart ? [] : compared.flatMap(whenBranch),
    unknown: [
      ...holders.filter((one) => one.end === undefined).map((holder) => ({ holder, why: unasked })),
      ...compared.flatMap(({ holder, to }) => (to?.kind === "unknown" ? [{ holder, why: to.why }] : [])),
    ],
    apart: isApart ? side : [],
  };
}

const unasked = "it would not say where its WAL ends";

type Compared<T> = Readonly<{ holder: Known<T>; to: WalComparison | undefined }>;

function whenOn<T>({ holder, to }: Compared<T>): readonly Known<T>[] {
  return to?.kind === "same-line" ? [holder] : [];
}

function whenBranch<T>({ holder, to }: Compared<T>): readonly Branch<T>[] {
  return to?.kind === "diverged" ? [{ holder, fork: to.fork, ownBytes: Math.max(0, to.beyondBytes.a) }] : [];
}

function furthestOf<T extends Holder>(holders: readonly Known<T>[]): Known<T> | undefined {
  return holders.reduce<Known<T> | undefined>(
    (best, one) => (best === undefined || lsnAhead(one.end.lsn, best.end.lsn) > 0 ? one : best),
    undefined,
  );
}

function isSameLine(a: WalEnd, b: WalEnd): boolean {
  return compareWalEnds(a, b).kind === "same-line";
}

function kindOf<T extends Holder>(a: Known<T>, b: Known<T>): WalComparison["kind"] {
  return compareWalEnds(a.end, b.end).kind;
}

/** Whether that line is this server's own, up to where the line begins; see `sortByLine`. */
function hasLine(end: WalEnd, line: WalEnd): boolean {
  if (line.timelineId === 1 || line.ancestors !== undefined)
    return isSameLine(end, { ...line, lsn: line.ancestors?.at(-1)?.endLsn ?? "0/0" });
  // An older Blackstart remembered the timeline only.
  return [end, ...(end.ancestors ?? [])].some((one) => one.timelineId === line.timelineId);
}

import { type Lsn, lsnAhead } from "./lsn.ts";

/*
 * A timeline's number is a name, not a history: two standbys promoted by two people are both “timeline 2”, and a branch
 * that was given up has a greater number than the one everybody writes on. So positions are compared on one line of
 * history only: the ancestors that a timeline's history file names, each with the place where it was left.
 */

/** A timeline that was left, and where: the next one begins at `endLsn`. */
export type Ancestor = Readonly<{ timelineId: number; endLsn: Lsn }>;

/** Where the WAL that one server holds ends. */
export type WalEnd = Readonly<{
  timelineId: number;
  lsn: Lsn;
  /** Oldest first, none on timeline 1. Undefined where the server could not be asked for its history. */
  ancestors: readonly Ancestor[] | undefined;
  /**
   * The first bytes of WAL on this timeline (they hold the time of the promotion and a checksum), as hexadecimal text.
   * Two promotions at the same place differ in nothing else. Undefined where they cannot be read.
   */
  origin?: string;
}>;

/** How the WAL of `a` stands to that of `b`. */
export type WalComparison =
  /** One is a prefix of the other. `aheadBytes`: what `a` holds beyond `b`; negative when it is behind. */
  | Readonly<{ kind: "same-line"; aheadBytes: number }>
  /** Both went on after `fork`, each on its own. `beyondBytes`: what each wrote or received after it. */
  | Readonly<{ kind: "diverged"; fork: Ancestor; beyondBytes: Readonly<{ a: number; b: number }> }>
  | Readonly<{ kind: "unknown"; why: string }>;

/** Pure; the order of the arguments changes the signs only. */
export function compareWalEnds(a: WalEnd, b: WalEnd): WalComparison {
  const [lineA, lineB] = [lineOf(a), lineOf(b)];
  if (lineA === undefined || lineB === undefined) return compareWithoutHistory(a, b);
  for (let at = 0; ; at++) {
    const [partA, partB] = [lineA[at], lineB[at]];
    if (partA === undefined || partB === undefined) throw new Error("a line of history ends with the server's own end");
    if (partA.timelineId !== partB.timelineId) return forked(a, b, lineA[at - 1], lineB[at - 1]);
    const [isTipA, isTipB] = [at === lineA.length - 1, at === lineB.length - 1];
    const ahead = lsnAhead(partA.endLsn, partB.endLsn);
    if (isTipA && isTipB) return originsDiffer(a, b) ? forked(a, b, lineA[at - 1], lineB[at - 1]) : sameLine(a, b);
    // The one whose tip this is may still follow, unless it holds more than the other took along.
    if (isTipA && ahead <= 0) return sameLine(a, b);
    if (isTipB && ahead >= 0) return sameLine(a, b);
    if (ahead !== 0) return forked(a, b, partA, partB);
  }
}

/** Whether a server whose WAL ends at `standby` can follow one whose WAL ends at `primary`, without losing anything. */
export function mayFollow(standby: WalEnd, primary: WalEnd): boolean | "unknown" {
  const compared = compareWalEnds(standby, primary);
  if (compared.kind === "unknown") return "unknown";
  return compared.kind === "same-line" && compared.aheadBytes <= 0;
}

/**
 * Of two servers, the one on the timeline that the other left by a promotion, though it may have the greater number. Both
 * left it, or it cannot be told: undefined. Pure.
 */
export function olderLine<T extends WalEnd>(a: T, b: T): T | undefined {
  if (a.timelineId === b.timelineId) return undefined;
  // Every timeline of a system comes from the first.
  if (a.timelineId === 1) return a;
  if (b.timelineId === 1) return b;
  const compared = compareWalEnds(a, b);
  if (compared.kind === "unknown") return undefined;
  const left = compared.kind === "diverged" ? compared.fork.timelineId : undefined;
  const isOlder = (one: WalEnd, other: WalEnd) =>
    left === undefined
      ? other.ancestors?.some(({ timelineId }) => timelineId === one.timelineId)
      : left === one.timelineId;
  return isOlder(a, b) ? a : isOlder(b, a) ? b : undefined;
}

/** Whether another server's line may have been written after this one's: it went on from it, or is another branch. */
export function wasLeftFor(own: WalEnd, other: WalEnd): boolean {
  // Two promotions may have given two branches the same number.
  if (own.timelineId === other.timelineId) return compareWalEnds(own, other).kind === "diverged";
  const isBefore = own.ancestors?.some(({ timelineId }) => timelineId === other.timelineId) ?? false;
  return !isBefore && olderLine(own, other) !== other;
}

/**
 * The ancestors that a history file names: each line a timeline, where it was left, and why; `#` begins a comment.
 * Format: readTimeLineHistory in src/backend/access/transam/timeline.c. Throws a SyntaxError for anything else.
 */
export function parseHistory(content: string): readonly Ancestor[] {
  const lines = content.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  const ancestors = lines.map((line) => {
    const [, timeline, lsn] = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)(?:\s|$)/.exec(line) ?? [];
    if (timeline === undefined || lsn === undefined)
      throw new SyntaxError(`a line of a timeline history file cannot be understood: ${line.slice(0, 100)}`);
    return { timelineId: Number(timeline), endLsn: lsn.toUpperCase() };
  });
  const rises = ancestors.every((one, at) => at === 0 || (ancestors[at - 1]?.timelineId ?? 0) < one.timelineId);
  if (!rises) throw new SyntaxError("the timelines of a history file do not rise");
  return ancestors;
}

function lineOf(end: WalEnd): readonly Ancestor[] | undefined {
  // Timeline 1 is the one that initdb made: it has no ancestor.
  const ancestors = end.timelineId === 1 ? [] : end.ancestors;
  return ancestors === undefined ? undefined : [...ancestors, { timelineId: end.timelineId, endLsn: end.lsn }];
}

function compareWithoutHistory(a: WalEnd, b: WalEnd): WalComparison {
  const without = [a, b].filter((one) => lineOf(one) === undefined).map((one) => one.timelineId);
  return { kind: "unknown", why: `the history of timeline ${[...new Set(without)].join(" and ")} cannot be read` };
}

function sameLine(a: WalEnd, b: WalEnd): WalComparison {
  return { kind: "same-line", aheadBytes: lsnAhead(a.lsn, b.lsn) };
}

function originsDiffer(a: WalEnd, b: WalEnd): boolean {
  return a.origin !== undefined && b.origin !== undefined && a.origin !== b.origin;
}

/** The fork is where the first of both left what they shared. */
function forked(a: WalEnd, b: WalEnd, partA: Ancestor | undefined, partB: Ancestor | undefined): WalComparison {
  if (partA === undefined || partB === undefined)
    return { kind: "unknown", why: `timelines ${a.timelineId} and ${b.timelineId} have no ancestor in common` };
  const fork = lsnAhead(partA.endLsn, partB.endLsn) <= 0 ? partA : partB;
  const beyondBytes = { a: lsnAhead(a.lsn, fork.endLsn), b: lsnAhead(b.lsn, fork.endLsn) };
  return { kind: "diverged", fork, beyondBytes };
}

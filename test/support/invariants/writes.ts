/* What came of the writes of clients that give each a number of its own, and what must hold for them. Pure. */

export type CommitLevel = "on" | "remote_apply" | "remote_write" | "local" | "off";

/** One attempt. Times are of one monotonic clock. */
export type Write = Readonly<{
  id: number;
  /** Of the server that the client spoke to. */
  node: string;
  level: CommitLevel;
  /** `prober`: it tries every node, also those that nobody is led to. */
  by: "client" | "prober";
  sentMs: number;
  endedMs: number;
  outcome: "acknowledged" | "failed" | "unanswered";
  said?: string;
  /** The server's, for what was acknowledged. */
  timeline?: number;
  /** Its `synchronous_standby_names`, where they were the same before and during the write; else empty. */
  names?: string;
}>;

/** Whether it was acknowledged only after a standby had it: then it may be lost by nothing that a single node suffers. */
export function isDurable({ outcome, level, names }: Write): boolean {
  return outcome === "acknowledged" && level !== "local" && level !== "off" && (names ?? "") !== "";
}

/** A node that acknowledged writes, from the first to the last, on one timeline: as one primary. */
export type Tenure = Readonly<{
  node: string;
  timeline: number;
  firstAckMs: number;
  lastSentMs: number;
  writes: number;
}>;

export function tenuresOf(writes: readonly Write[]): readonly Tenure[] {
  const tenures = new Map<string, Tenure>();
  for (const { node, timeline = 0, sentMs, endedMs, outcome } of writes) {
    if (outcome !== "acknowledged") continue;
    const key = `${node} ${timeline}`;
    const known = tenures.get(key) ?? { node, timeline, firstAckMs: endedMs, lastSentMs: sentMs, writes: 0 };
    tenures.set(key, {
      ...known,
      firstAckMs: Math.min(known.firstAckMs, endedMs),
      lastSentMs: Math.max(known.lastSentMs, sentMs),
      writes: known.writes + 1,
    });
  }
  return [...tenures.values()].sort((a, b) => a.firstAckMs - b.firstAckMs);
}

export type Window = Readonly<{ older: Tenure; newer: Tenure; lengthMs: number }>;

/**
 * Two primaries at the same time: one acknowledged a write that was begun after the other had acknowledged its first. A
 * write that was under way at that moment proves nothing.
 */
export function twoPrimaries(writes: readonly Write[]): readonly Window[] {
  const tenures = tenuresOf(writes);
  return tenures.flatMap((older, at) =>
    tenures
      .slice(at + 1)
      .filter((newer) => newer.node !== older.node && older.lastSentMs > newer.firstAckMs)
      .map((newer) => ({ older, newer, lengthMs: Math.min(older.lastSentMs, newer.lastSentMs) - newer.firstAckMs })),
  );
}

/** Those that the final primary does not have, of those that it must have. */
export function lostOf(must: readonly Write[], there: ReadonlySet<number>): readonly Write[] {
  return must.filter(({ id }) => !there.has(id));
}

/** The longest time in which no client got a write acknowledged, between two that were; and the last, if it never ended. */
export function longestGapMs(writes: readonly Write[], untilMs: number): number {
  const moments = writes
    .filter(({ outcome, by }) => outcome === "acknowledged" && by === "client")
    .map(({ endedMs }) => endedMs)
    .sort((a, b) => a - b);
  return [...moments, untilMs].reduce((longest, at, index, all) => Math.max(longest, at - (all[index - 1] ?? at)), 0);
}

export type Span = Readonly<{ fromMs: number; toMs: number }>;

/**
 * Writes that hung for longer than `boundMs`, counted without the time in which that is explained: a fault was in force, or
 * a finding said that writes hang.
 */
export function hangs(writes: readonly Write[], explained: readonly Span[], boundMs: number): readonly Write[] {
  return writes.filter(({ sentMs, endedMs, outcome, by }) => {
    if (by !== "client" || outcome === "failed") return false;
    return longestUncovered({ fromMs: sentMs, toMs: endedMs }, explained) > boundMs;
  });
}

function longestUncovered({ fromMs, toMs }: Span, covers: readonly Span[]): number {
  let longest = 0;
  let at = fromMs;
  for (const cover of [...covers].sort((a, b) => a.fromMs - b.fromMs)) {
    if (cover.toMs <= at || cover.fromMs >= toMs) continue;
    longest = Math.max(longest, cover.fromMs - at);
    at = Math.max(at, cover.toMs);
  }
  return Math.max(longest, toMs - at);
}

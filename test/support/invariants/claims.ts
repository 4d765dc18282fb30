import { tenuresOf, type Write } from "./writes.ts";

/* What Blackstart said, held against what clients saw. Pure. */

/** A node of which it said that it takes no more writes, when that was read, and until when it was meant. */
export type Fence = Readonly<{ node: string; atMs: number; untilMs?: number }>;

/** Writes that a fenced node acknowledged all the same, on the timeline on which it was fenced. */
export function acknowledgedAfterFence(writes: readonly Write[], fences: readonly Fence[]): readonly Write[] {
  return fences.flatMap(({ node, atMs, untilMs = Number.POSITIVE_INFINITY }) => {
    const before = tenuresOf(writes).filter((tenure) => tenure.node === node && tenure.firstAckMs <= atMs);
    const timelines = new Set(before.map(({ timeline }) => timeline));
    return writes.filter(
      (write) =>
        write.node === node &&
        write.outcome === "acknowledged" &&
        write.sentMs > atMs &&
        write.endedMs < untilMs &&
        timelines.has(write.timeline ?? 0),
    );
  });
}

/** A moment at which it said that the service works again. */
export type Mitigation = Readonly<{ incident: string; atMs: number }>;

/**
 * Those that no client noticed: none of them got a write acknowledged from a little before that moment until `patienceMs`
 * after it. Where something else broke in that time (`disturbedMs`), or the trial ended, nothing is proved.
 */
export function unfelt(
  mitigations: readonly Mitigation[],
  writes: readonly Write[],
  { patienceMs, disturbedMs, endMs }: Readonly<{ patienceMs: number; disturbedMs: readonly number[]; endMs: number }>,
): readonly Mitigation[] {
  const moments = writes
    .filter(({ outcome, by, level }) => outcome === "acknowledged" && by === "client" && level === "on")
    .map(({ endedMs }) => endedMs);
  return mitigations.filter(({ atMs }) => {
    const [from, to] = [atMs - 1000, atMs + patienceMs];
    const isDisturbed = [...disturbedMs, endMs].some((ms) => ms >= from && ms <= to);
    return !isDisturbed && !moments.some((ms) => ms >= from && ms <= to);
  });
}

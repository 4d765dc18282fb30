import type { LatencyFacts, Moment } from "../facts.ts";

/** The recent answers of one node, in milliseconds; `usual` is its own past, not a fixed limit. */
export type LatencyState = Readonly<{
  usual: readonly number[];
  last: readonly number[];
  slowSince?: Moment;
  /** Slow answers that have not joined the past. */
  passedOver: number;
}>;

export const noLatency: LatencyState = { usual: [], last: [], passedOver: 0 };

const usualCount = 150;
const lastCount = 5;
const enoughCount = 20;

/**
 * One answer further. A node is slow when the median of its last five answers is 8 times its usual one and at least
 * `floorMs`; it is well again at half of that. While it is slow only every tenth answer joins the past, so that slow
 * becomes usual in half an hour and not at once.
 */
export function withAnswer(state: LatencyState, tookMs: number, floorMs: number, now: Moment): LatencyState {
  const joins = state.slowSince === undefined || state.passedOver >= 9;
  const next = {
    usual: joins ? [...state.usual, tookMs].slice(-usualCount) : state.usual,
    last: [...state.last, tookMs].slice(-lastCount),
    passedOver: joins ? 0 : state.passedOver + 1,
  };
  if (state.usual.length < enoughCount) return next;
  const limitMs = Math.max(8 * medianOf(state.usual), floorMs);
  const isSlow = medianOf(next.last) > (state.slowSince === undefined ? limitMs : limitMs / 2);
  return isSlow ? { ...next, slowSince: state.slowSince ?? now } : next;
}

export function latencyFacts(state: LatencyState): LatencyFacts {
  return {
    usualMs: state.usual.length < enoughCount ? null : medianOf(state.usual),
    lastMs: state.last.length === 0 ? null : medianOf(state.last),
    ...(state.slowSince === undefined ? {} : { slowSince: state.slowSince }),
  };
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

import { type Lsn, lsnBytes } from "../../drivers/postgres/lsn.ts";

/**
 * Where the primary was and when, so that a standby's delay is known in seconds without comparing two machines' clocks:
 * it is as old as the primary's position that it has reached. On a quiet primary, where a time stamp would grow for
 * ever, the delay stays 0.
 */
export interface PositionHistory {
  primaryAt(lsn: Lsn, timelineId: number, ms: number): void;
  /** Milliseconds by which `lsn` is behind; at least so much, where it lies before the history. Undefined: unknown. */
  delayMs(lsn: Lsn, ms: number): number | undefined;
}

const samplesMax = 2048;

export function createPositionHistory(): PositionHistory {
  let timeline = 0;
  let samples: { bytes: bigint; ms: number }[] = [];
  return {
    primaryAt(lsn, timelineId, ms) {
      const bytes = lsnBytes(lsn);
      const newest = samples.at(-1);
      if (timelineId !== timeline || (newest !== undefined && bytes < newest.bytes)) samples = [];
      timeline = timelineId;
      if (samples.at(-1)?.bytes === bytes) return;
      samples.push({ bytes, ms });
      // Thinned, not cut off: the past is kept with half the resolution.
      if (samples.length > samplesMax) samples = samples.filter((_, at) => at % 2 === 0 || at > samplesMax / 2);
    },
    delayMs(lsn, ms) {
      if (samples.length === 0) return undefined;
      const bytes = lsnBytes(lsn);
      const firstAhead = samples.find((sample) => sample.bytes > bytes);
      return firstAhead === undefined ? 0 : ms - firstAhead.ms;
    },
  };
}

import type { PrimaryLook } from "../../drivers/postgres/following.ts";
import { type Lsn, lsnBytes } from "../../drivers/postgres/lsn.ts";

/**
 * Where the primary was and when, so that a standby's delay is known in seconds without comparing two machines' clocks:
 * it is as old as the primary's position that it has reached. On a quiet primary, where a time stamp would grow for
 * ever, the delay stays 0.
 */
export interface PositionHistory {
  primaryAt(look: PrimaryLook, asked: Asked): void;
  /** The last look at the primary that was asked after `afterMs` and answered before `beforeMs`. */
  primaryBetween(afterMs: number, beforeMs: number): PrimaryLook | undefined;
  /** Milliseconds by which `lsn` is behind; at least so much, where it lies before the history. Undefined: unknown. */
  delayMs(lsn: Lsn, ms: number): number | undefined;
}

/** When a question went out and when its answer came. */
export type Asked = Readonly<{ sentMs: number; answeredMs: number }>;

const samplesMax = 2048;
/** A look that is answered while a standby is being asked comes too late for that one, and hides none before it. */
const looksMax = 4;

export function createPositionHistory(): PositionHistory {
  let timeline = 0;
  let samples: { bytes: bigint; ms: number }[] = [];
  let looks: (Asked & { look: PrimaryLook })[] = [];
  return {
    primaryAt(look, asked) {
      looks = [...looks, { ...asked, look }].slice(-looksMax);
      const { lsn, timelineId } = look;
      const ms = asked.answeredMs;
      const bytes = lsnBytes(lsn);
      const newest = samples.at(-1);
      if (timelineId !== timeline || (newest !== undefined && bytes < newest.bytes)) samples = [];
      timeline = timelineId;
      if (samples.at(-1)?.bytes === bytes) return;
      samples.push({ bytes, ms });
      // Thinned, not cut off: the past is kept with half the resolution.
      if (samples.length > samplesMax) samples = samples.filter((_, at) => at % 2 === 0 || at > samplesMax / 2);
    },
    primaryBetween: (afterMs, beforeMs) =>
      looks.findLast((one) => one.sentMs >= afterMs && one.answeredMs <= beforeMs)?.look,
    delayMs(lsn, ms) {
      if (samples.length === 0) return undefined;
      const bytes = lsnBytes(lsn);
      const firstAhead = samples.find((sample) => sample.bytes > bytes);
      return firstAhead === undefined ? 0 : ms - firstAhead.ms;
    },
  };
}

import type { Clock } from "../base/time.ts";
import type { NodeStatus } from "../watch/status.ts";

/** Whether the monitor itself is well. */
export type Health = Readonly<{
  healthy: boolean;
  checks: readonly Readonly<{ name: string; ok: boolean; seen: string }>[];
}>;

export interface HealthKeeper {
  health(): Health;
  /** The store has just taken a write. */
  wrote(): void;
  /** A write of what was seen has failed; until the next success that is an illness. */
  failed(why: string): void;
  recovered(): void;
  /** Whether incidents are answered with plans; not while the timeline cannot be read. */
  follows(follows: boolean): void;
  close(): void;
}

const tickMs = 1000;
/** The process itself did not get to run for so long: then it notices nothing either. */
const stuckMs = 5000;

/**
 * Judges by what is observed, not by what was started: the event loop turns; a node that is said to be up has
 * answered lately; the store took a write lately.
 * @param options.writeEveryMs how often something is written at the least (the lease of `up`)
 * @param options.heartbeatMs how often a node is asked
 */
export function createHealthKeeper(options: {
  clock: Clock;
  nodes(): readonly NodeStatus[];
  writeEveryMs: number;
  heartbeatMs: number;
}): HealthKeeper {
  const { clock, nodes, writeEveryMs, heartbeatMs } = options;
  let tickedMs = clock.monotonicMs();
  let slowestMs = 0;
  let wroteMs = clock.monotonicMs();
  let failure: string | undefined;
  let followed = true;
  const timer = setInterval(() => {
    const now = clock.monotonicMs();
    slowestMs = Math.max(now - tickedMs - tickMs, slowestMs / 2);
    tickedMs = now;
  }, tickMs);
  timer.unref();

  const checks = (): Health["checks"] => {
    const now = clock.monotonicMs();
    const silent = nodes().filter(
      ({ condition, lastGoodAgeMs }) => condition === "up" && isOld(lastGoodAgeMs, heartbeatMs),
    );
    const writeAgeMs = now - wroteMs;
    const delayMs = Math.max(slowestMs, now - tickedMs - tickMs);
    return [
      { name: "loop", ok: delayMs < stuckMs, seen: `runs at most ${Math.max(0, Math.round(delayMs))} ms late` },
      {
        name: "watch",
        ok: silent.length === 0,
        seen:
          silent.length === 0
            ? "asks every node"
            : `has not heard of ${silent.map(({ node }) => node).join(", ")} for too long`,
      },
      { name: "store", ok: writeAgeMs < 3 * writeEveryMs, seen: `took a write ${Math.round(writeAgeMs)} ms ago` },
      { name: "record", ok: failure === undefined, seen: failure ?? "all that was seen is written" },
      {
        name: "autopilot",
        ok: followed,
        seen: followed ? "follows the incidents" : "cannot follow the incidents; it begins again",
      },
    ];
  };

  return {
    health() {
      const all = checks();
      return { healthy: all.every(({ ok }) => ok), checks: all };
    },
    wrote: () => {
      wroteMs = clock.monotonicMs();
    },
    failed: (why) => {
      failure = why;
    },
    recovered: () => {
      failure = undefined;
    },
    follows: (follows) => {
      followed = follows;
    },
    close: () => clearInterval(timer),
  };
}

/** Three heartbeats without an answer would have made it hang long ago: nobody is looking any more. */
function isOld(lastGoodAgeMs: number | null, heartbeatMs: number): boolean {
  return lastGoodAgeMs !== null && lastGoodAgeMs > Math.max(3 * heartbeatMs, stuckMs);
}

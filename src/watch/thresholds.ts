import { BlackstartError } from "../base/error.ts";
import { didYouMean } from "../base/nearest.ts";

/**
 * Where a health check begins to complain. The defaults are chosen to be silent on a healthy cluster, also a quiet one:
 * there is no limit here that few transactions or few connections would cross. Each can be set in `watch.thresholds`.
 */
export const thresholdDefaults = {
  "archive.readySegments": 20,
  "archive.readySegmentsCritical": 200,
  "connections.usedPercent": 85,
  "connections.usedPercentCritical": 97,
  "integers.usedPercent": 75,
  "integers.usedPercentCritical": 95,
  "locks.waitSeconds": 30,
  "prepared.ageSeconds": 300,
  "replication.lagBytes": 256 * 1024 * 1024,
  "replication.lagSeconds": 60,
  "replication.pausedSeconds": 5,
  "replication.stuckSeconds": 60,
  "slots.retainedBytes": 5 * 1024 * 1024 * 1024,
  "slots.retainedBytesCritical": 50 * 1024 * 1024 * 1024,
  "transactions.idleSeconds": 300,
  "transactions.longSeconds": 3600,
  "wraparound.horizonTransactions": 150_000_000,
  "wraparound.transactions": 1_000_000_000,
  "wraparound.transactionsCritical": 1_600_000_000,
} as const;

export type ThresholdName = keyof typeof thresholdDefaults;
export type Thresholds = Readonly<Record<ThresholdName, number>>;

/** The defaults with the user's own values. Throws SYSTEM_FILE_INVALID for a name that does not exist. */
export function thresholdsOf(own: Readonly<Record<string, number>> = {}): Thresholds {
  for (const name of Object.keys(own))
    if (!Object.hasOwn(thresholdDefaults, name))
      throw new BlackstartError("SYSTEM_FILE_INVALID", {
        what: `watch.thresholds names “${name}”, which is no threshold.${didYouMean(name, Object.keys(thresholdDefaults))}`,
        why: "A threshold of another name would have no effect, and the health check would stay as it is.",
        next: `The thresholds are: ${Object.keys(thresholdDefaults).join(", ")}.`,
      });
  return { ...thresholdDefaults, ...own };
}

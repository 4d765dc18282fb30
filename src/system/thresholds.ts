import { z } from "zod";

/**
 * Where a health check begins to complain, for `watch.thresholds`. The defaults are chosen to be silent on a healthy
 * cluster, also a quiet one: there is no limit here that few transactions or few connections would cross.
 */
export const thresholdsSchema = z
  .strictObject({
    "archive.readySegments": from(20, "WAL segments that wait for the archive: a warning."),
    "archive.readySegmentsCritical": from(200, "WAL segments that wait for the archive: critical."),
    "connections.usedPercent": from(85, "Percent of the connections that are not reserved: a warning."),
    "connections.usedPercentCritical": from(97, "Percent of the connections that are not reserved: critical."),
    "integers.usedPercent": from(75, "Percent of a sequence's numbers: a warning."),
    "integers.usedPercentCritical": from(95, "Percent of a sequence's numbers: critical."),
    "locks.waitSeconds": from(30, "Seconds for which a session waits for a lock."),
    "prepared.ageSeconds": from(300, "Seconds since a transaction was prepared."),
    "replication.lagBytes": from(256 * 1024 * 1024, "Bytes of WAL that a standby has not replayed."),
    "replication.lagSeconds": from(60, "Seconds by which a standby's data is old."),
    "replication.pausedSeconds": from(5, "Seconds for which replay is paused."),
    "replication.stuckSeconds": from(60, "Seconds for which nothing is replayed although more was received."),
    "slots.retainedBytes": from(5 * 1024 ** 3, "Bytes of WAL that a slot keeps: a warning."),
    "slots.retainedBytesCritical": from(50 * 1024 ** 3, "Bytes of WAL that a slot keeps: critical."),
    "transactions.idleSeconds": from(300, "Seconds for which a transaction is open and idle."),
    "transactions.longSeconds": from(3600, "Seconds for which a transaction is open."),
    "wraparound.horizonTransactions": from(150_000_000, "Transactions since the oldest one that vacuum must respect."),
    "wraparound.transactions": from(1_000_000_000, "Age of the oldest transaction or multixact number: a warning."),
    "wraparound.transactionsCritical": from(1_600_000_000, "The same: critical."),
  })
  .superRefine((limits, context) => {
    for (const [name, critical] of Object.entries(limits)) {
      const warning = limits[name.replace(/Critical$/, "") as ThresholdName];
      if (critical < warning)
        context.addIssue({ code: "custom", path: [name], message: `lies below the warning's threshold, ${warning}` });
    }
  })
  .prefault({})
  .describe("Where a health check begins to complain; docs/checks.md says which check each belongs to.");

export type Thresholds = z.output<typeof thresholdsSchema>;
export type ThresholdName = keyof Thresholds;

function from(limit: number, meaning: string) {
  return z.number().min(0).default(limit).describe(meaning);
}

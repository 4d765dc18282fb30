export const repairLimits = {
  scanBytesMax: 1024 ** 3,
  rowsMax: 1_000_000,
  statementTimeoutMs: 60_000,
  /** For a row that somebody else holds. */
  lockTimeoutMs: 2000,
  attempts: 5,
} as const;

/** Serialization failure, deadlock, lock not available: somebody else was at the same rows. */
export const retried: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);

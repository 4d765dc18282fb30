import { type HealthCheck, type Judgement, numberIn, textIn } from "./health-check.ts";

/** Pages that were read and found damaged, and whether damage would be noticed at all. */
export const checksums: HealthCheck = {
  name: "checksums",
  finds: {
    "checksums.failed": {
      severities: ["critical"],
      when: "The server has counted a page whose checksum is wrong.",
    },
    "checksums.off": {
      severities: ["info"],
      when: "`data_checksums` is off.",
    },
  },
  title: "Page checksums: failures, or none kept",
  advice:
    "After a failure: no VACUUM, no restart into the dark. Compare with a standby or a backup, fail over to a node without it. pg_checksums --enable turns them on while the server is down.",
  appliesTo: "every",
  thresholds: [],
  outlivesServer: true,
  query: () => `
    select coalesce(datname, 'shared objects') as name, checksum_failures as failures,
      to_char(checksum_last_failure at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as last,
      current_setting('data_checksums') as checksums
    from pg_stat_database order by checksum_failures desc nulls last limit 20`,
  judge(rows, { one }) {
    const judgements: Judgement[] = [];
    const failed = rows.filter((row) => numberIn(row, "failures") > 0);
    if (failed.length > 0)
      judgements.push({
        code: "checksums.failed",
        severity: "critical",
        title: `${one.node} has damaged pages: their checksums are wrong.`,
        evidence: failed.map((row) => ({
          label: textIn(row, "name"),
          value: `${textIn(row, "failures")} failures, the last at ${textIn(row, "last")}`,
        })),
      });
    // PostgreSQL 19 has states in between; only `off` is off.
    if (rows[0] !== undefined && textIn(rows[0], "checksums") === "off")
      judgements.push({
        code: "checksums.off",
        severity: "info",
        title: `${one.node} keeps no page checksums: damage on its disk would go unnoticed.`,
        evidence: [{ label: "data_checksums", value: "off" }],
      });
    return judgements;
  },
};

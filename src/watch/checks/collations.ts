import { type HealthCheck, textIn } from "./health-check.ts";

/** The operating system's sort order changed under an index: rows that are there are no longer found. */
export const collations: HealthCheck = {
  name: "collations",
  finds: {
    "collations.changed": {
      severities: ["warning"],
      when: "A database was made with another version of its sort order than the operating system has now.",
    },
  },
  title: "Sort orders that changed with the operating system (PostgreSQL 15 and later)",
  advice:
    "REINDEX every index on text, then ALTER DATABASE … REFRESH COLLATION VERSION. Until then unique keys may be violated.",
  appliesTo: "every",
  thresholds: [],
  outlivesServer: true,
  query: (version) =>
    version < 150_000
      ? "select where false"
      : `
    select datname as name, datcollversion as made, pg_database_collation_actual_version(oid) as now
    from pg_database
    where datallowconn and datcollversion is not null
      and datcollversion <> pg_database_collation_actual_version(oid) order by 1 limit 50`,
  judge(rows, { one }) {
    if (rows.length === 0) return [];
    return [
      {
        code: "collations.changed",
        severity: "warning",
        title: `The sort order under ${one.node} has changed: indexes on text may miss rows that are there.`,
        evidence: rows.map((row) => ({
          label: textIn(row, "name"),
          value: `made with ${textIn(row, "made")}, now ${textIn(row, "now")}`,
        })),
      },
    ];
  },
};

import { type HealthCheck, textIn } from "./health-check.ts";

/** Indexes that a failed CREATE INDEX CONCURRENTLY left behind: written at every change, used by no query. */
export const indexes: HealthCheck = {
  name: "indexes",
  finds: {
    "indexes.invalid": {
      severities: ["warning"],
      when: "An index is invalid, and nobody is building it.",
    },
  },
  title: "Invalid indexes, in the database of the node's url",
  advice:
    "REINDEX INDEX CONCURRENTLY, or drop it and create it again. A unique one does not keep its promise meanwhile.",
  appliesTo: "primary",
  thresholds: [],
  query: () => `
    select n.nspname || '.' || c.relname as name, t.relname as "table", i.indisunique as "isUnique"
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
      join pg_namespace n on n.oid = c.relnamespace
    where not (i.indisvalid and i.indisready) and c.relkind = 'i' and n.nspname not like 'pg_temp%'
      and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
      and not exists (select from pg_locks l where l.relation = i.indrelid
        and l.mode = 'ShareUpdateExclusiveLock' and l.granted and l.locktype = 'relation')
    order by 1 limit 50`,
  judge(rows, { one }) {
    if (rows.length === 0) return [];
    const [first] = rows;
    const unique = rows.some((row) => row.isUnique === true) ? " One of them is unique: duplicates are possible." : "";
    return [
      {
        code: "indexes.invalid",
        severity: "warning",
        title:
          rows.length === 1
            ? `The index ${textIn(first ?? {}, "name")} on ${one.node} is invalid: it costs writes and serves no query.`
            : `${rows.length} indexes on ${one.node} are invalid: they cost writes and serve no query.${unique}`,
        evidence: rows.slice(0, 20).map((row) => ({
          label: textIn(row, "name"),
          value: `on ${textIn(row, "table")}${row.isUnique === true ? ", unique" : ""}`,
        })),
      },
    ];
  },
};

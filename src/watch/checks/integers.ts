import { type HealthCheck, type Judgement, numberIn, type Row, textIn } from "./health-check.ts";

/**
 * Sequences and the integer columns that they fill: at the end of the type every insert fails. A sequence may be bigint
 * while its column is not, so the smaller of the two counts.
 */
export const integers: HealthCheck = {
  name: "integers",
  finds: {
    "integers.overflow": {
      severities: ["warning", "critical"],
      when: "A sequence, or the column that it fills, has used `integers.usedPercent` of its numbers; critical from `integers.usedPercentCritical`.",
    },
    "integers.unreadable": {
      severities: ["info"],
      when: "Our role may not read a sequence.",
    },
  },
  title: "Sequences and identity columns near the end of their numbers, in the database of the node's url",
  advice:
    "Change the column to bigint before that day: a rewrite under an exclusive lock, so plan it, or copy through a second column.",
  appliesTo: "primary",
  thresholds: ["integers.usedPercent", "integers.usedPercentCritical"],
  query: () => `
    with used as (
      select q.oid, n.nspname || '.' || q.relname as name, s.seqincrement > 0 as up, s.seqcycle as cycles, s.seqmin, s.seqmax,
        has_sequence_privilege(q.oid, 'select, usage') as readable,
        case when has_sequence_privilege(q.oid, 'select, usage') then pg_sequence_last_value(q.oid) end as last,
        a.attname as "column", t.relname as "table", ty.typname as type
      from pg_sequence s join pg_class q on q.oid = s.seqrelid join pg_namespace n on n.oid = q.relnamespace
        left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = q.oid
          and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
        left join pg_class t on t.oid = d.refobjid
        left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        left join pg_type ty on ty.oid = a.atttypid
      where q.relpersistence <> 't'),
    measured as (
      select name, "table", "column", type, last, readable, cycles,
        case when up then least(seqmax, case type when 'int2' then 32767 when 'int4' then 2147483647 else seqmax end)
          else greatest(seqmin, case type when 'int2' then -32768 when 'int4' then -2147483648 else seqmin end) end as "end"
      from used)
    select name, "table", "column", type, last, "end", readable, 100.0 * last / nullif("end", 0) as percent
    from measured where not cycles or not readable order by percent desc nulls last limit 200`,
  judge(rows, { one, thresholds }) {
    const near = rows.filter((row) => numberIn(row, "percent") >= thresholds["integers.usedPercent"]);
    const unreadable = rows.filter((row) => row.readable === false);
    const judgements: Judgement[] = [];
    const [worst] = near;
    if (worst !== undefined)
      judgements.push({
        code: "integers.overflow",
        severity: numberIn(worst, "percent") >= thresholds["integers.usedPercentCritical"] ? "critical" : "warning",
        title: `${nameOf(worst)} on ${one.node} has used ${Math.floor(numberIn(worst, "percent"))} % of its numbers${near.length > 1 ? `, and ${near.length - 1} more are near their end` : ""}.`,
        evidence: near.slice(0, 20).map((row) => ({
          label: nameOf(row),
          value: `${textIn(row, "last")} of ${textIn(row, "end")}${textIn(row, "type") === "" ? "" : ` (${textIn(row, "type")})`}`,
        })),
      });
    if (unreadable.length > 0)
      judgements.push({
        code: "integers.unreadable",
        severity: "info",
        title: `${unreadable.length} sequences on ${one.node} cannot be read: whether they overflow is not known.`,
        evidence: [
          { label: "to be run there", value: "grant usage on all sequences in schema … to the role that watches" },
        ],
      });
    return judgements;
  },
};

function nameOf(row: Row): string {
  return row.column === null || row.column === undefined
    ? textIn(row, "name")
    : `${textIn(row, "table")}.${textIn(row, "column")}`;
}

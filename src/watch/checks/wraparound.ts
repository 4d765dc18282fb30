import { type HealthCheck, type Judgement, numberIn, type Row, textIn } from "./health-check.ts";

/** At this age PostgreSQL refuses every write (src/backend/access/transam/varsup.c: 3 million before 2^31). */
const refusedAt = 2 ** 31 - 3_000_000;

/** How old the oldest transaction and multixact numbers are, and who keeps vacuum from freezing them. */
export const wraparound: HealthCheck = {
  name: "wraparound",
  finds: {
    "wraparound.transactions": {
      severities: ["warning", "critical"],
      when: "A database's oldest transaction number is `wraparound.transactions` old; critical from `wraparound.transactionsCritical`.",
    },
    "wraparound.multixacts": {
      severities: ["warning", "critical"],
      when: "The same of multixact numbers, by the same two thresholds.",
    },
    "wraparound.horizon": {
      severities: ["warning"],
      when: "A session, slot, prepared transaction or standby has kept vacuum back for `wraparound.horizonTransactions`.",
    },
  },
  title: "Wraparound: the age of the oldest transaction, and who holds it",
  advice:
    "End what holds the horizon (session, slot, prepared transaction, standby with feedback), then VACUUM (FREEZE) the oldest tables. No need for single-user mode.",
  appliesTo: "primary",
  thresholds: ["wraparound.transactions", "wraparound.transactionsCritical", "wraparound.horizonTransactions"],
  query: () => `
    select 'transactions' as kind, datname as name, age(datfrozenxid)::bigint as age from pg_database
    union all select 'multixacts', datname, mxid_age(datminmxid)::bigint from pg_database
    union all (select 'session', 'process ' || pid || ' of ' || coalesce(usename, backend_type), age(backend_xmin)::bigint
      from pg_stat_activity where backend_xmin is not null and pid <> pg_backend_pid()
        and backend_type <> 'walsender' order by 3 desc limit 3)
    union all (select 'standby feedback', coalesce(application_name, '?'), age(backend_xmin)::bigint
      from pg_stat_replication where backend_xmin is not null order by 3 desc limit 3)
    union all (select 'slot', slot_name, greatest(age(xmin), age(catalog_xmin))::bigint
      from pg_replication_slots where xmin is not null or catalog_xmin is not null order by 3 desc limit 3)
    union all (select 'prepared transaction', gid, age(transaction)::bigint from pg_prepared_xacts order by 3 desc limit 3)`,
  judge(rows, { one, thresholds }) {
    const holders = rows
      .filter((row) => !["transactions", "multixacts"].includes(textIn(row, "kind")))
      .toSorted((a, b) => numberIn(b, "age") - numberIn(a, "age"));
    const oldest = (kind: string) =>
      rows.filter((row) => row.kind === kind).toSorted((a, b) => numberIn(b, "age") - numberIn(a, "age"))[0];
    const judgements: Judgement[] = [];
    for (const kind of ["transactions", "multixacts"] as const) {
      const row = oldest(kind);
      if (row === undefined || !(numberIn(row, "age") >= thresholds["wraparound.transactions"])) continue;
      judgements.push(nearWraparound(kind, row, holders, one.node, thresholds["wraparound.transactionsCritical"]));
    }
    const [holder] = holders;
    if (holder !== undefined && numberIn(holder, "age") >= thresholds["wraparound.horizonTransactions"])
      judgements.push({
        code: "wraparound.horizon",
        severity: "warning",
        title: `A ${textIn(holder, "kind")} on ${one.node} keeps vacuum from cleaning up since ${millions(numberIn(holder, "age"))} transactions.`,
        evidence: holders.slice(0, 5).map(holderEvidence),
      });
    return judgements;
  },
};

function nearWraparound(
  kind: "transactions" | "multixacts",
  row: Row,
  holders: readonly Row[],
  node: string,
  critical: number,
): Judgement {
  const age = numberIn(row, "age");
  return {
    code: `wraparound.${kind}`,
    severity: age >= critical ? "critical" : "warning",
    title: `${node} nears ${kind === "transactions" ? "transaction" : "multixact"} wraparound: ${age >= refusedAt ? "every write is refused" : `${millions(refusedAt - age)} left before every write is refused`}.`,
    evidence: [
      { label: "oldest database", value: `${textIn(row, "name")}, age ${age}` },
      { label: "writes are refused at", value: String(refusedAt) },
      ...holders.slice(0, 3).map(holderEvidence),
    ],
  };
}

function holderEvidence(row: Row) {
  return { label: `held by ${textIn(row, "kind")}`, value: `${textIn(row, "name")}, age ${textIn(row, "age")}` };
}

function millions(count: number): string {
  return count < 2_000_000 ? String(count) : `${Math.round(count / 1_000_000)} million`;
}

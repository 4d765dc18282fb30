import { durationText } from "../assess/words.ts";
import { type HealthCheck, type Judgement, numberIn, type Row, textIn } from "./health-check.ts";

/** Transactions that stay open: they hold locks, and on a primary they keep vacuum from cleaning up. */
export const transactions: HealthCheck = {
  name: "transactions",
  finds: {
    "transactions.idle": {
      severities: ["warning"],
      when: "A transaction is open and idle for `transactions.idleSeconds`.",
    },
    "transactions.long": {
      severities: ["warning"],
      when: "A transaction is open for `transactions.longSeconds`.",
    },
  },
  title: "Transactions left idle, and long ones",
  advice:
    "Find the client by its application name; pg_terminate_backend() ends it. idle_in_transaction_session_timeout prevents it.",
  appliesTo: "every",
  thresholds: ["transactions.idleSeconds", "transactions.longSeconds"],
  query: () => `
    select pid, usename as role, application_name as application, state like 'idle in transaction%' as idle,
      extract(epoch from clock_timestamp() - xact_start) * 1000 as "ageMs",
      extract(epoch from clock_timestamp() - state_change) * 1000 as "idleMs"
    from pg_stat_activity
    where backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()
    order by xact_start limit 50`,
  judge(rows, { one, thresholds }) {
    const idle = rows.filter(
      (row) => row.idle === true && numberIn(row, "idleMs") >= thresholds["transactions.idleSeconds"] * 1000,
    );
    const long = rows.filter(
      (row) => !idle.includes(row) && numberIn(row, "ageMs") >= thresholds["transactions.longSeconds"] * 1000,
    );
    return [
      ...about(
        "transactions.idle",
        idle,
        "idleMs",
        (count, age) =>
          `${count} on ${one.node} ${count === "A transaction" ? "has" : "have"} been idle for up to ${age}, with all ${count === "A transaction" ? "its" : "their"} locks.`,
      ),
      ...about(
        "transactions.long",
        long,
        "ageMs",
        (count, age) =>
          `${count} on ${one.node} ${count === "A transaction" ? "has" : "have"} been open for up to ${age}.`,
      ),
    ];
  },
};

function about(
  code: string,
  rows: readonly Row[],
  column: string,
  titleOf: (count: string, age: string) => string,
): readonly Judgement[] {
  if (rows.length === 0) return [];
  const longest = Math.max(...rows.map((row) => numberIn(row, column)));
  return [
    {
      code,
      severity: "warning",
      title: titleOf(rows.length === 1 ? "A transaction" : `${rows.length} transactions`, durationText(longest)),
      evidence: rows.slice(0, 10).map((row) => ({
        label: `process ${textIn(row, "pid")}`,
        value: `${textIn(row, "role")}${textIn(row, "application") === "" ? "" : `, ${textIn(row, "application")}`}, ${durationText(numberIn(row, column))}`,
      })),
    },
  ];
}

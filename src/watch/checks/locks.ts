import { durationText } from "../assess/words.ts";
import { type HealthCheck, numberIn, textIn } from "./health-check.ts";

/** Who waits for a lock, and who at the head of the queue holds it. */
export const locks: HealthCheck = {
  name: "locks",
  finds: {
    "locks.waiting": {
      severities: ["warning"],
      when: "A session waits for a lock for `locks.waitSeconds`.",
    },
  },
  title: "Sessions that wait for locks, and who blocks them",
  advice: "Ask the owner of the blocking session; pg_terminate_backend() on it lets the others go on.",
  appliesTo: "every",
  thresholds: ["locks.waitSeconds"],
  // pg_blocking_pids() takes the lock manager's locks for a moment: only for those that wait, the oldest twenty.
  query: () => `
    with waiting as materialized (
      select pid, extract(epoch from clock_timestamp() - state_change) * 1000 as waited
      from pg_stat_activity where wait_event_type = 'Lock' order by state_change limit 20),
    blocked as (select pid, waited, unnest(pg_blocking_pids(pid)) as blocker from waiting)
    select blocker, count(distinct blocked.pid) as blocked, max(waited) as "waitedMs",
      a.usename as role, a.application_name as application, a.state,
      extract(epoch from clock_timestamp() - a.xact_start) * 1000 as "openMs",
      blocker in (select pid from waiting) as "waitsItself"
    from blocked left join pg_stat_activity a on a.pid = blocker
    group by blocker, a.usename, a.application_name, a.state, a.xact_start order by 8, 2 desc limit 20`,
  judge(rows, { one, thresholds }) {
    const longest = Math.max(0, ...rows.map((row) => numberIn(row, "waitedMs")));
    if (longest < thresholds["locks.waitSeconds"] * 1000) return [];
    // At the head of the queue stands who waits for nobody. In a circle nobody does; deadlock_timeout ends that.
    const head = rows.find((row) => row.waitsItself !== true) ?? rows[0];
    if (head === undefined) return [];
    const waiting = new Set(rows.map((row) => row.blocker)).size;
    return [
      {
        code: "locks.waiting",
        severity: "warning",
        title: `Sessions on ${one.node} have been waiting for a lock for ${durationText(longest)}; process ${blockerName(textIn(head, "blocker"))} holds it.`,
        evidence: rows.slice(0, 10).map((row) => ({
          label: `process ${blockerName(textIn(row, "blocker"))}`,
          value: [
            `blocks ${textIn(row, "blocked")}`,
            textIn(row, "role"),
            textIn(row, "application"),
            textIn(row, "state"),
            Number.isNaN(numberIn(row, "openMs"))
              ? ""
              : `transaction open for ${durationText(numberIn(row, "openMs"))}`,
            row.waitsItself === true ? "waits itself" : waiting > 1 ? "waits for nobody" : "",
          ]
            .filter((part) => part !== "")
            .join(", "),
        })),
      },
    ];
  },
};

/** A prepared transaction has no process; pg_blocking_pids() gives 0 for it. */
function blockerName(pid: string): string {
  return pid === "0" ? "0 (a prepared transaction)" : pid;
}

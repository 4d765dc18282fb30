import { type HealthCheck, numberIn, textIn } from "./health-check.ts";

/** How many of the connections that ordinary roles may have are in use. */
export const connections: HealthCheck = {
  name: "connections",
  finds: {
    "connections.used": {
      severities: ["warning"],
      when: "`connections.usedPercent` of the connections that are not reserved are in use.",
    },
    "connections.exhausted": {
      severities: ["critical"],
      when: "`connections.usedPercentCritical` of them are in use, or the server refuses us with 53300.",
    },
  },
  title: "Connections in use, of those not reserved",
  advice: "Close idle sessions, put a pooler in front, or raise max_connections (needs a restart).",
  appliesTo: "every",
  thresholds: ["connections.usedPercent", "connections.usedPercentCritical"],
  query: () => `
    select current_setting('max_connections')::int as max,
      current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
      count(*) as used, count(*) filter (where state = 'idle') as idle,
      (select usename || ' (' || count(*) || ')' from pg_stat_activity where backend_type = 'client backend'
        group by usename order by count(*) desc limit 1) as most
    from pg_stat_activity where backend_type = 'client backend'`,
  judge(rows, { one, thresholds }) {
    const [row] = rows;
    if (row === undefined) return [];
    const usable = numberIn(row, "max") - numberIn(row, "reserved");
    const used = numberIn(row, "used");
    const percent = (100 * used) / usable;
    if (!(percent >= thresholds["connections.usedPercent"])) return [];
    const evidence = [
      { label: "used", value: `${used} of ${usable} (${Math.round(percent)} %)` },
      { label: "reserved besides", value: textIn(row, "reserved") },
      { label: "idle among them", value: textIn(row, "idle") },
      { label: "most by one role", value: textIn(row, "most") },
    ];
    if (percent >= thresholds["connections.usedPercentCritical"])
      return [
        {
          code: "connections.exhausted",
          severity: "critical",
          title: `${one.node} has no connections left for its clients: ${used} of ${usable} are in use.`,
          evidence,
        },
      ];
    return [
      {
        code: "connections.used",
        severity: "warning",
        title: `${one.node} is running out of connections: ${used} of ${usable} are in use.`,
        evidence,
      },
    ];
  },
};

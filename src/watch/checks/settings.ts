import type { NodeFacts } from "../facts.ts";
import { listText } from "../assess/words.ts";
import { type CheckContext, type HealthCheck, type Judgement, type Row, textIn } from "./health-check.ts";

/** Settings on which the data's safety and a failover depend, changes that wait for a restart, and differences. */
export const settings: HealthCheck = {
  name: "settings",
  finds: {
    "settings.unsafe": {
      severities: ["info", "warning", "critical"],
      when: "`fsync` or `full_page_writes` is off (critical; of an `expendable` node: info), `autovacuum` is off, or `synchronous_commit` is off on the primary (warning).",
    },
    "settings.no-standbys-possible": {
      severities: ["warning"],
      when: "`wal_level` is minimal in a cluster of several nodes.",
    },
    "settings.archive-off": {
      severities: ["warning"],
      when: "The system file names `backups`, and the primary's `archive_mode` is off.",
    },
    "settings.pending-restart": {
      severities: ["info"],
      when: "A changed setting waits for a restart.",
    },
    "settings.differ": {
      severities: ["info"],
      when: "The nodes differ in a setting that clients would notice after a failover.",
    },
    "settings.standby-too-small": {
      severities: ["warning"],
      when: "A standby has a smaller `max_connections` (or a setting like it) than the primary: its replay would stop.",
    },
  },
  title: "Settings: unsafe ones, those that wait for a restart, those that differ between nodes",
  advice:
    "ALTER SYSTEM and a reload, or a restart where the setting needs one; keep the nodes' configuration in one place.",
  appliesTo: "every",
  thresholds: [],
  outlivesServer: true,
  query: () => `
    select name, setting || coalesce(unit, '') as value, pending_restart as pending,
      name in (${quoted(looked)}) as looked
    from pg_settings where name in (${quoted(looked)}) or pending_restart order by name`,
  judge: (rows, context) => [
    ...unsafe(rows, context),
    ...replicationAndArchive(rows, context),
    ...pendingRestart(rows, context),
  ],
  compare: (nodes) => [...standbyTooSmall(nodes), ...differ(nodes)],
};

/** A hot standby with less than the primary stops replay, or does not start (documentation, “Hot Standby”, 27.4.3). */
const atLeastPrimary = [
  "max_connections",
  "max_locks_per_transaction",
  "max_prepared_transactions",
  "max_wal_senders",
  "max_worker_processes",
];

/** After a failover the new primary should behave as the old one did. */
const same = [
  "archive_mode",
  "autovacuum",
  "fsync",
  "full_page_writes",
  "hot_standby",
  "max_replication_slots",
  "max_slot_wal_keep_size",
  "maintenance_work_mem",
  "server_version",
  "shared_buffers",
  "statement_timeout",
  "synchronous_commit",
  "wal_keep_size",
  "wal_level",
  "wal_log_hints",
  "work_mem",
];

const looked = [...atLeastPrimary, ...same];

function unsafe(rows: readonly Row[], { one, view }: CheckContext): readonly Judgement[] {
  const value = valuesOf(rows);
  const wrong = [
    ...(value.get("fsync") === "off" ? [{ label: "fsync", value: "off: a power loss can destroy everything" }] : []),
    ...(value.get("full_page_writes") === "off"
      ? [{ label: "full_page_writes", value: "off: a crash can leave torn pages" }]
      : []),
    ...(value.get("autovacuum") === "off"
      ? [{ label: "autovacuum", value: "off: tables bloat until wraparound" }]
      : []),
  ];
  // Trial nodes are made to be thrown away.
  const isTrial = view.cluster.nodes[one.node]?.expendable === true;
  const isCritical = wrong.some(({ label }) => label !== "autovacuum") && !isTrial;
  const isLax = value.get("synchronous_commit") === "off" && one.pulse?.role === "primary";
  return [
    ...(wrong.length === 0
      ? []
      : [
          {
            code: "settings.unsafe",
            severity: isCritical ? ("critical" as const) : isTrial ? ("info" as const) : ("warning" as const),
            title: `${one.node} runs with ${listText(wrong.map(({ label }) => label))} off.`,
            evidence: [...wrong, ...(isLax ? [laxEvidence] : [])],
          },
        ]),
    ...(wrong.length === 0 && isLax
      ? [
          {
            code: "settings.unsafe",
            severity: "warning" as const,
            title: `${one.node} acknowledges commits before they are on disk: a crash loses the last ones.`,
            evidence: [laxEvidence],
          },
        ]
      : []),
  ];
}

const laxEvidence = { label: "synchronous_commit", value: "off by default: acknowledged commits are lost in a crash" };

function replicationAndArchive(rows: readonly Row[], { one, view }: CheckContext): readonly Judgement[] {
  const value = valuesOf(rows);
  const judgements: Judgement[] = [];
  if (value.get("wal_level") === "minimal" && Object.keys(view.cluster.nodes).length > 1)
    judgements.push({
      code: "settings.no-standbys-possible",
      severity: "warning",
      title: `${one.node} writes too little WAL for a standby to follow it.`,
      evidence: [{ label: "wal_level", value: "minimal" }],
    });
  const wantsArchive = view.cluster.backups !== undefined;
  if (value.get("archive_mode") === "off" && wantsArchive && one.pulse?.role === "primary")
    judgements.push({
      code: "settings.archive-off",
      severity: "warning",
      title: `${one.node} archives no WAL: a restore can only go back to the last full backup.`,
      evidence: [{ label: "archive_mode", value: "off" }],
    });
  return judgements;
}

function pendingRestart(rows: readonly Row[], { one }: CheckContext): readonly Judgement[] {
  const pending = rows.filter((row) => row.pending === true).map((row) => textIn(row, "name"));
  if (pending.length === 0) return [];
  return [
    {
      code: "settings.pending-restart",
      severity: "info",
      title: `${listText(pending)} on ${one.node} ${pending.length === 1 ? "takes" : "take"} effect at its next restart, planned or not.`,
      evidence: pending.map((name) => ({ label: name, value: `now ${valuesOf(rows).get(name)}` })),
    },
  ];
}

type Compared = readonly Readonly<{ one: NodeFacts; rows: readonly Row[] }>[];

function standbyTooSmall(nodes: Compared): readonly Judgement[] {
  const primary = nodes.find(({ one }) => one.pulse?.role === "primary" && one.condition.kind === "up");
  if (primary === undefined) return [];
  const needed = valuesOf(primary.rows);
  const evidence = nodes
    .filter((node) => node !== primary)
    .flatMap(({ one, rows }) => {
      const has = valuesOf(rows);
      return atLeastPrimary
        .filter((name) => Number(has.get(name)) < Number(needed.get(name)))
        .map((name) => ({
          label: `${name} on ${one.node}`,
          value: `${has.get(name)}, on ${primary.one.node} ${needed.get(name)}`,
        }));
    });
  if (evidence.length === 0) return [];
  return [
    {
      code: "settings.standby-too-small",
      severity: "warning",
      title: `A standby has less room than the primary: its replay stops, or it does not start again.`,
      evidence,
    },
  ];
}

function differ(nodes: Compared): readonly Judgement[] {
  const differing = same.filter((name) => new Set(nodes.map(({ rows }) => valuesOf(rows).get(name))).size > 1);
  if (differing.length === 0) return [];
  return [
    {
      code: "settings.differ",
      severity: "info",
      title: `The nodes differ in ${listText(differing)}: after a failover things will not be as before.`,
      evidence: differing.map((name) => ({
        label: name,
        value: nodes.map(({ one, rows }) => `${one.node} ${valuesOf(rows).get(name) ?? "?"}`).join(", "),
      })),
    },
  ];
}

function valuesOf(rows: readonly Row[]): ReadonlyMap<string, string> {
  return new Map(rows.map((row) => [textIn(row, "name"), textIn(row, "value")]));
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(", ");
}

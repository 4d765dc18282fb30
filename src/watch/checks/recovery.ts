import {
  endsRecoveryInFiles,
  endsRecoveryInForce,
  readsFileSettings,
  recoveryActionInFiles,
} from "../../drivers/postgres/recovery-settings.ts";
import { nodeRef, request } from "../assess/roles.ts";
import { type ClusterView, isManaged } from "../assess/view.ts";
import type { NodeFacts } from "../facts.ts";
import type { HealthCheck, Judgement, Row } from "./health-check.ts";
import { textIn } from "./health-check.ts";

/** What decides how a server comes up the next time it is started. */
export const recovery: HealthCheck = {
  name: "recovery",
  finds: {
    "recovery.ends-by-itself": {
      severities: ["warning", "critical"],
      when: "A recovery target or a promote trigger file is set. On a standby: critical, because it stops following there, and with `recovery_target_action = promote` becomes a second primary; on a primary: warning, because it would once it is a standby.",
    },
    "recovery.one-timeline": {
      severities: ["warning"],
      when: "A standby's `recovery_target_timeline` is not `latest`: after a failover it does not follow the new primary.",
    },
    "recovery.marked-as-standby": {
      severities: ["warning"],
      when: "The primary has a `standby.signal`: at its next start it comes up as a standby. A fence that was begun and not finished leaves it, or somebody's hand.",
    },
  },
  title: "What the next start of a server would do: leftovers of restores, and marks of a fence",
  advice:
    "Take the recovery settings out of the configuration (`alter system reset`; a standby's `recovery_target_timeline` takes a restart), and remove a `standby.signal` that a primary has, unless somebody is about to make a standby of it.",
  appliesTo: "every",
  thresholds: [],
  outlivesServer: true,
  // What the role may not call must not stand in the query: privileges are checked before any CASE. An XML query is text.
  query: () => `
    select pg_is_in_recovery() as standby, current_setting('recovery_target_action') as action,
      current_setting('recovery_target_timeline') as timeline,
      case when ${readsFileSettings} then ${asText(`select ${recoveryActionInFiles} as found`)} end as next_action,
      ${endsRecoveryInForce}::text as force,
      case when ${readsFileSettings} then ${asText(`select ${endsRecoveryInFiles} as found`)} else '[]' end as files,
      case when has_function_privilege('pg_catalog.pg_stat_file(text,boolean)', 'execute')
        then ${asText("select coalesce((pg_stat_file('standby.signal', true)).size, -1) as found")} else '' end as signal`,
  judge: (rows, { one, view }) =>
    rows.flatMap((row) => [
      ...endsByItself(one.node, row),
      ...staysOnOne(one, row),
      ...markedAsStandby(one, view, row),
    ]),
};

/** The one column `found` of the query's one row. */
function asText(query: string): string {
  const quoted = query.replaceAll("'", "''");
  return `(xpath('//found/text()', query_to_xml('${quoted}', false, false, '')))[1]::text`;
}

function endsByItself(node: string, row: Row): readonly Judgement[] {
  const found = [...new Set([...listIn(row, "force"), ...listIn(row, "files")])];
  if (found.length === 0) return [];
  const isStandby = row.standby === true;
  const action = (isStandby ? "" : textIn(row, "next_action")) || textIn(row, "action");
  const what = action === "promote" ? "promotes itself" : action === "shutdown" ? "shuts down" : "stops replaying";
  return [
    {
      code: "recovery.ends-by-itself",
      severity: isStandby ? "critical" : "warning",
      title: isStandby
        ? `${node} ends its recovery by itself: it ${what} when it gets there.`
        : `${node}, once it is started as a standby, ${what} instead of following: a restore left its recovery target behind.`,
      evidence: [
        { label: "set", value: found.join(", ") },
        { label: "recovery_target_action", value: action },
      ],
    },
  ];
}

/** One that has diverged serves reads on its own timeline only as long as it stays there. */
function staysOnOne({ node, following }: NodeFacts, row: Row): readonly Judgement[] {
  const timeline = textIn(row, "timeline");
  if (row.standby !== true || timeline === "latest" || following?.kind === "diverged") return [];
  return [
    {
      code: "recovery.one-timeline",
      severity: "warning",
      title: `${node} stays on its timeline: after a failover it would not follow the new primary.`,
      evidence: [{ label: "recovery_target_timeline", value: timeline }],
    },
  ];
}

function markedAsStandby(one: NodeFacts, view: ClusterView, row: Row): readonly Judgement[] {
  const size = textIn(row, "signal");
  if (row.standby === true || size === "" || size === "-1") return [];
  return [
    {
      code: "recovery.marked-as-standby",
      severity: "warning",
      title: `${one.node} is the primary and has a standby.signal: at its next start it comes up as a standby.`,
      evidence: [{ label: "file", value: "standby.signal in its data directory" }],
      ...(isManaged(view) ? {} : { remedy: request("unfence", nodeRef(one)) }),
    },
  ];
}

function listIn(row: Row, column: string): readonly string[] {
  const text = textIn(row, column)
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
  return text === "" ? [] : (JSON.parse(text) as string[]);
}

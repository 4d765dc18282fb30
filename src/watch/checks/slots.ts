import { bytesText } from "../assess/words.ts";
import { type HealthCheck, type Judgement, numberIn, type Row, textIn } from "./health-check.ts";

/** Replication slots: they keep WAL for somebody who may never come to fetch it. */
export const slots: HealthCheck = {
  name: "slots",
  finds: {
    "slots.lost": {
      severities: ["critical"],
      when: "The WAL that the slot needs is gone.",
    },
    "slots.retaining": {
      severities: ["warning", "critical"],
      when: "A slot keeps `slots.retainedBytes`; critical from `slots.retainedBytesCritical`, and when the next checkpoint may remove its WAL.",
    },
    "slots.inactive": {
      severities: ["info"],
      when: "Nobody reads the slot, although every node of the cluster is up.",
    },
  },
  title: "Replication slots: lost, keeping too much WAL, used by nobody",
  advice:
    "Bring back whoever reads the slot; if nobody will, pg_drop_replication_slot(). A lost slot needs a new standby. max_slot_wal_keep_size limits what a slot may keep.",
  appliesTo: "every",
  thresholds: ["slots.retainedBytes", "slots.retainedBytesCritical"],
  query: () => `
    select slot_name as name, slot_type as type, active, wal_status as status, safe_wal_size as safe,
      pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
        restart_lsn) as retained, pg_is_in_recovery() as recovery
    from pg_replication_slots where not temporary order by retained desc nulls last limit 100`,
  judge(rows, { one, view, thresholds }) {
    const worst = rows.map((row) => judgeSlot(row, one.node, thresholds)).filter((each) => each !== undefined);
    // While a standby is down its slot is unused because of that, and the standby's own finding says so. On a standby
    // unused slots are normal: they are copies, kept for a failover.
    const isConsequence = view.nodes.some((node) => node.condition.kind !== "up") || one.pulse?.role === "standby";
    const idle = isConsequence ? [] : rows.filter((row) => row.active === false && textIn(row, "status") !== "lost");
    const told = new Set(worst.map((each) => each.slot));
    const unused = idle.filter((row) => !told.has(textIn(row, "name")));
    return [
      ...mergeByCode(worst.map((each) => each.judgement)),
      ...(unused.length === 0
        ? []
        : [
            {
              code: "slots.inactive",
              severity: "info" as const,
              title: `Nobody reads ${unused.length === 1 ? `the slot ${textIn(unused[0] ?? {}, "name")}` : `${unused.length} slots`} on ${one.node}; WAL is kept for it all the same.`,
              evidence: unused.map((row) => ({
                label: textIn(row, "name"),
                value: `${textIn(row, "type")}, keeps ${bytesText(Math.max(0, numberIn(row, "retained") || 0))}`,
              })),
            },
          ]),
    ];
  },
};

function judgeSlot(
  row: Row,
  node: string,
  thresholds: Record<"slots.retainedBytes" | "slots.retainedBytesCritical", number>,
): { slot: string; judgement: Judgement } | undefined {
  const slot = textIn(row, "name");
  const status = textIn(row, "status");
  const retained = numberIn(row, "retained");
  const evidence = [
    {
      label: slot,
      value: `${textIn(row, "type")}, ${row.active === true ? "in use" : "unused"}, ${status}, keeps ${bytesText(Math.max(0, retained || 0))}`,
    },
  ];
  if (status === "lost")
    return {
      slot,
      judgement: {
        code: "slots.lost",
        severity: "critical",
        title: `The slot ${slot} on ${node} is lost: whoever reads it can no longer catch up and must be made anew.`,
        evidence,
      },
    };
  if (!(retained >= thresholds["slots.retainedBytes"]) && status !== "unreserved") return undefined;
  const isCritical = retained >= thresholds["slots.retainedBytesCritical"] || status === "unreserved";
  return {
    slot,
    judgement: {
      code: "slots.retaining",
      severity: isCritical ? "critical" : "warning",
      title:
        status === "unreserved"
          ? `The slot ${slot} on ${node} is about to be lost: its WAL may be removed at the next checkpoint.`
          : `The slot ${slot} on ${node} keeps ${bytesText(retained)} of WAL: the disk fills up.`,
      evidence,
    },
  };
}

/** Several slots with the same trouble are one finding; the first, which is the worst, gives the title. */
function mergeByCode(judgements: readonly Judgement[]): readonly Judgement[] {
  const byCode = Map.groupBy(judgements, (each) => each.code);
  return [...byCode.values()].map((group) => {
    const [first] = group as [Judgement, ...Judgement[]];
    const isCritical = group.some((each) => each.severity === "critical");
    return {
      ...first,
      severity: isCritical ? "critical" : first.severity,
      evidence: group.flatMap((each) => each.evidence),
    };
  });
}

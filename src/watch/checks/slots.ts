import { nodeRef, request } from "../assess/roles.ts";
import { type ClusterView, isManaged } from "../assess/view.ts";
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
    "slots.left-behind": {
      severities: ["info"],
      when: "A physical slot on a standby is unused, and holds WAL for ever: most often it was made while that node was the primary.",
    },
  },
  title: "Replication slots: lost, keeping too much WAL, used by nobody",
  advice:
    "Bring the slot's consumer back; if it is gone for good, `blackstart mitigate clean-up` drops the slot (with `--slot` where no node names it). A lost slot needs a new standby. max_slot_wal_keep_size limits what a slot may keep.",
  appliesTo: "every",
  thresholds: ["slots.retainedBytes", "slots.retainedBytesCritical"],
  query: () => `
    select slot_name as name, slot_type as type, active, wal_status as status, safe_wal_size as safe,
      pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
        restart_lsn) as retained, pg_is_in_recovery() as recovery
    from pg_replication_slots where not temporary order by retained desc nulls last limit 100`,
  judge(rows, { one, view, thresholds }) {
    const worst = rows.map((row) => judgeSlot(row, one.node, thresholds)).filter((each) => each !== undefined);
    // While a standby is down its slot is unused because of that, and the standby's own finding says so.
    const isConsequence = view.nodes.some((node) => node.condition.kind !== "up");
    const told = new Set(worst.map((each) => each.slot));
    const unused = rows.filter((row) => isUnused(row) && !told.has(textIn(row, "name")));
    const remedy = isManaged(view) ? {} : { remedy: request("clean-up", nodeRef(one)) };
    return [
      ...mergeByCode(worst.map((each) => each.judgement)).map((judgement) =>
        judgement.code === "slots.retaining" && rows.some((row) => isUnused(row) && told.has(textIn(row, "name")))
          ? { ...judgement, ...remedy }
          : judgement,
      ),
      ...(isConsequence || unused.length === 0
        ? []
        : (one.pulse?.role === "standby" ? leftBehind(unused, one.node, view) : inactive(unused, one.node)).map(
            (judgement) => ({ ...judgement, ...remedy }),
          )),
    ];
  },
};

function isUnused(row: Row): boolean {
  return row.active === false && textIn(row, "status") !== "lost";
}

function inactive(unused: readonly Row[], node: string): readonly Judgement[] {
  const which = unused.length === 1 ? `the slot ${textIn(unused[0] ?? {}, "name")}` : `${unused.length} slots`;
  return [
    {
      code: "slots.inactive",
      severity: "info",
      title: `Nobody reads ${which} on ${node}; WAL is kept for it all the same.`,
      evidence: unused.map(slotEvidence),
    },
  ];
}

/** On a standby PostgreSQL moves a slot only for who reads from that standby: what nobody reads holds WAL for ever. */
function leftBehind(unused: readonly Row[], node: string, view: ClusterView): readonly Judgement[] {
  const physical = unused.filter((row) => textIn(row, "type") === "physical" && row.retained !== null);
  if (isManaged(view) || physical.length === 0) return [];
  const which = physical.length === 1 ? `the slot ${textIn(physical[0] ?? {}, "name")}` : `${physical.length} slots`;
  return [
    {
      code: "slots.left-behind",
      severity: "info",
      title: `Nobody reads ${which} on ${node}, a standby: WAL is kept there for ever.`,
      evidence: physical.map(slotEvidence),
    },
  ];
}

function slotEvidence(row: Row): Judgement["evidence"][number] {
  return {
    label: textIn(row, "name"),
    value: `${textIn(row, "type")}, keeps ${bytesText(Math.max(0, numberIn(row, "retained") || 0))}`,
  };
}

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

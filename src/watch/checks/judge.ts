import { clusterRef, nodeRef } from "../assess/roles.ts";
import type { ClusterView } from "../assess/view.ts";
import type { Found, NodeFacts } from "../facts.ts";
import type { Thresholds } from "../../system/thresholds.ts";
import { listText } from "../assess/words.ts";
import type { HealthCheck, Row } from "./health-check.ts";
import { healthChecks } from "./list.ts";

/** What the health checks say about the rows that they brought last. */
export function judgeChecks(view: ClusterView, thresholds: Thresholds): readonly Found[] {
  return [...view.nodes.flatMap(notRun), ...healthChecks.flatMap((check) => judgeCheck(check, view, thresholds))];
}

function judgeCheck(check: HealthCheck, view: ClusterView, thresholds: Thresholds): readonly Found[] {
  const nodes = view.nodes.flatMap((one) => {
    const rows = rowsOf(check, one);
    return rows === undefined ? [] : [{ one, rows }];
  });
  const single = nodes.flatMap(({ one, rows }) =>
    check.judge(rows, { one, view, thresholds }).map((judgement) => ({ ...judgement, subject: nodeRef(one) })),
  );
  const compared = (check.compare?.(nodes, view) ?? []).map((judgement) => ({
    ...judgement,
    subject: clusterRef(view),
  }));
  return [...single, ...compared];
}

/** What could not be looked at is not well: it is unknown, and that is said. */
function notRun(one: NodeFacts): readonly Found[] {
  const failed = one.condition.kind === "up" ? one.checked.filter((checked) => checked.failed !== undefined) : [];
  if (failed.length === 0) return [];
  return [
    {
      code: "watch.check-failed",
      severity: "info",
      subject: nodeRef(one),
      title: `${failed.length} of the health checks of ${one.node} could not be run: ${listText(failed.map((each) => each.check))}.`,
      evidence: failed.map((each) => ({ label: each.check, value: each.failed ?? "" })),
    },
  ];
}

/** Whether a check has something to look at on this node, in the role that it has. */
export function appliesTo(check: HealthCheck, one: NodeFacts): boolean {
  return check.appliesTo === "every" || check.appliesTo === one.pulse?.role;
}

function rowsOf(check: HealthCheck, one: NodeFacts): readonly Row[] | undefined {
  if (!appliesTo(check, one) || (one.condition.kind !== "up" && check.outlivesServer !== true)) return undefined;
  return one.checked.find((checked) => checked.check === check.name)?.rows;
}

import { parsedUrl } from "../../system/address.ts";
import type { Evidence } from "../../finding/finding.ts";
import type { Found, NodeFacts } from "../facts.ts";
import { isEverythingDown, lastGood, nodeRef, request } from "./roles.ts";
import { aliveFor, type ClusterView, isExhausted } from "./view.ts";
import { conditionWords, durationText } from "./words.ts";

/** What is wrong with single nodes. Silent while one finding says of the whole cluster that it is gone. */
export function assessNodes(view: ClusterView): readonly Found[] {
  if (isEverythingDown(view)) return view.foreign.map(foreignNode);
  return [
    ...view.nodes.flatMap((one) => conditionFinding(view, one)),
    ...view.nodes.flatMap((one) => (one.condition.kind === "up" ? upFindings(view, one) : [])),
    ...view.foreign.map(foreignNode),
  ];
}

function conditionFinding(view: ClusterView, one: NodeFacts): readonly Found[] {
  const { condition } = one;
  const isLostPrimary = one === view.lostPrimary;
  const common = {
    severity: isLostPrimary ? "critical" : "warning",
    subject: nodeRef(one),
    evidence: evidenceOf(view, one),
    ...lastGood(one.lastGood?.at),
  } as const;
  const role =
    one.pulse === undefined
      ? ""
      : isLostPrimary
        ? ", the primary,"
        : one.pulse.role === "standby"
          ? ", a standby,"
          : "";
  switch (condition.kind) {
    case "unknown":
    case "up":
      return [];
    case "down":
      return [{ ...common, code: "node.down", title: `${one.node}${role} is down.`, ...remedyOf(view, one) }];
    case "starting":
      return [{ ...common, code: "node.starting", title: `${one.node}${role} is not ready: ${condition.detail}.` }];
    case "hanging":
      return [
        {
          ...common,
          code: "node.hanging",
          title: `${one.node}${role} hangs: it ${condition.isFull ? "answers nothing, and takes no more connections" : "takes connections and answers nothing"}.`,
          ...remedyOf(view, one),
        },
      ];
    case "unreachable":
      return [unreachable(view, one, role, common)];
    case "refused":
      return [refused(one, condition, common)];
  }
}

function unreachable(view: ClusterView, one: NodeFacts, role: string, common: Omit<Found, "code" | "title">): Found {
  const witness = one === view.lostPrimary ? aliveFor(view, one) : undefined;
  const only = witness === undefined ? "" : ` from here; ${witness.node} still hears from it`;
  return {
    ...common,
    code: "node.unreachable",
    severity: witness === undefined ? common.severity : "warning",
    title: `${one.node}${role} cannot be reached${only}.`,
  };
}

const passwordNext: Evidence = {
  label: "to provide",
  value: "the right password, by PGPASSWORD, by ~/.pgpass, or in the node's `url`",
};

function refused(
  one: NodeFacts,
  condition: Extract<NodeFacts["condition"], { kind: "refused" }>,
  common: Omit<Found, "code" | "title">,
): Found {
  if (isExhausted(condition))
    return {
      ...common,
      code: "connections.exhausted",
      severity: "critical",
      title: `${one.node} takes no more connections: all are in use.`,
    };
  // No moment of an outage: it is we who no longer see it.
  const { lastGoodAt: _, ...seen } = common;
  return {
    ...seen,
    code: "node.access-refused",
    severity: "warning",
    title: `${one.node} is up but cannot be watched: ${condition.detail.replace(/\.$/, "")}.`,
    ...(condition.sqlstate === "28P01" && { evidence: [...seen.evidence, passwordNext] }),
  };
}

/**
 * While the cluster has no primary, its own finding carries the remedy: two plans for one cause would get in each
 * other's way. A former primary comes back as a standby; a standby is started as what it is.
 */
function remedyOf(view: ClusterView, one: NodeFacts): Pick<Found, "remedy"> {
  if (view.primaries.length === 0) return {};
  return { remedy: request(one.pulse?.role === "primary" ? "rejoin" : "restart", nodeRef(one)) };
}

function evidenceOf(view: ClusterView, one: NodeFacts): readonly Evidence[] {
  const goodbye = one.condition.kind === "down" ? one.condition.goodbye : undefined;
  const witness = one === view.lostPrimary ? aliveFor(view, one) : undefined;
  return [
    { label: "seen", value: conditionWords(one) },
    ...(one.lastGood === undefined ? [] : [{ label: "last answer", value: one.lastGood.at }]),
    ...(goodbye === undefined ? [] : [{ label: "its last words", value: goodbye }]),
    ...(witness === undefined ? [] : [{ label: "still heard by", value: witness.node }]),
  ];
}

/** One may run into its time limit on a busy server. */
const refusalsMax = 3;

function upFindings(view: ClusterView, one: NodeFacts): readonly Found[] {
  const found: Found[] = [];
  const isPrimary = one.pulse?.role === "primary";
  if (!one.acceptsConnections)
    found.push({
      code: "node.accepts-no-connections",
      severity: isPrimary ? "critical" : "warning",
      subject: nodeRef(one),
      title: `${one.node} answers on connections it has, but lets no new one through: its postmaster hangs.`,
      evidence: [{ label: "new connections", value: "taken by the machine, not answered by the server" }],
      remedy: request("restart", nodeRef(one)),
    });
  const { slowSince, usualMs, lastMs } = one.latency;
  if (slowSince !== undefined)
    found.push({
      code: "node.slow",
      severity: "warning",
      subject: nodeRef(one),
      title: `${one.node} is slow: it answers in ${durationText(lastMs ?? 0)}, usually in ${durationText(usualMs ?? 0)}.`,
      evidence: [
        { label: "median of the last answers", value: durationText(lastMs ?? 0) },
        { label: "usual", value: durationText(usualMs ?? 0) },
        { label: "since", value: slowSince.at },
      ],
    });
  if ((one.pulseRefused?.times ?? 0) >= refusalsMax)
    found.push({
      code: "watch.heartbeat-refused",
      severity: "warning",
      subject: nodeRef(one),
      title: `${one.node} is up but refuses to say how it is.`,
      evidence: [{ label: "it says", value: one.pulseRefused?.detail ?? "" }],
    });
  if (one.identity?.monitors === false)
    found.push({
      code: "watch.rights-missing",
      severity: "warning",
      subject: nodeRef(one),
      title: `Our role on ${one.node} lacks pg_monitor: replication and health cannot be seen.`,
      evidence: [{ label: "to be run there", value: `grant pg_monitor to ${roleOf(view, one)}` }],
    });
  return found;
}

function roleOf(view: ClusterView, one: NodeFacts): string {
  const user = parsedUrl(view.cluster.nodes[one.node]?.url ?? "")?.username ?? "";
  return user === "" ? "the role in its url" : decodeURIComponent(user);
}

function foreignNode(one: NodeFacts): Found {
  return {
    code: "cluster.foreign-node",
    severity: "critical",
    subject: nodeRef(one),
    title: `${one.node} is a server of another cluster: it has nothing to do with the others' data.`,
    evidence: [{ label: "its system identifier", value: one.identity?.systemIdentifier ?? "" }],
  };
}

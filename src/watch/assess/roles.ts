import type { Instant } from "../../base/time.ts";
import { olderLine, type WalEnd } from "../../drivers/postgres/history.ts";
import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Ref } from "../../finding/finding.ts";
import type { PlanRequest } from "../../plan/plan.ts";
import type { Found, NodeFacts } from "../facts.ts";
import { aliveFor, type ClusterView, isDead, isExhausted } from "./view.ts";
import { fateOf, listText, nodeEvidence } from "./words.ts";

/** A restarting primary comes back by itself; only after this long is it as good as lost. */
export const startingGraceMs = 10_000;

/** Whether exactly one node can be written to, and if not, what stands instead of it. At most one finding. */
export function assessRoles(view: ClusterView): Found | undefined {
  if (view.nodes.length === 0 || view.nodes.some((one) => one.condition.kind === "unknown")) return undefined;
  if (view.primaries.length > 1) return twoPrimaries(view);
  if (view.primaries.length === 1) return undefined;
  if (view.nodes.every(isDead)) return everythingDown(view);
  return noPrimary(view);
}

/** True while a finding of `assessRoles` says by itself that these nodes are gone. */
export function isEverythingDown(view: ClusterView): boolean {
  return view.nodes.length > 0 && view.nodes.every(isDead);
}

function noPrimary(view: ClusterView): Found | undefined {
  const lost = view.lostPrimary;
  if (lost === undefined ? mayStillHavePrimary(view) : mayStillServe(view, lost)) return primaryUnknown(view);
  const { name, standbys } = view;
  const what = lost === undefined ? "no node is one" : `${lost.node} ${fateOf(lost)}`;
  return {
    code: "cluster.no-primary",
    severity: "critical",
    subject: clusterRef(view),
    title: `${name} has no primary (${what}): nothing can be written.`,
    evidence: nodeEvidence(view.nodes),
    remedy: standbys.length > 0 ? request("failover", clusterRef(view)) : restartOfLost(view, lost),
    ...lastGood(lastPrimaryAt(view)),
  };
}

/**
 * Who refuses only our login serves the clients as before: nothing is known to be out, and nothing is to be failed over.
 * Where all connections are in use, the node's own finding says so.
 */
function primaryUnknown(view: ClusterView): Found | undefined {
  const candidates = view.lostPrimary === undefined ? view.nodes : [view.lostPrimary];
  const refusing = candidates.filter(({ condition }) => condition.kind === "refused" && !isExhausted(condition));
  if (refusing.length === 0) return undefined;
  const names = listText(refusing.map(({ node }) => node));
  return {
    code: "cluster.primary-unknown",
    severity: "warning",
    subject: clusterRef(view),
    title: `It cannot be told who is the primary of ${view.name}: ${names} ${refusing.length === 1 ? "refuses" : "refuse"} our login.`,
    evidence: nodeEvidence(view.nodes),
  };
}

function restartOfLost(view: ClusterView, lost: NodeFacts | undefined): PlanRequest {
  return request("restart", lost === undefined ? clusterRef(view) : nodeRef(lost));
}

/** The lost primary is likely to be back by itself, or is only lost for us. */
function mayStillServe(view: ClusterView, lost: NodeFacts): boolean {
  switch (lost.condition.kind) {
    case "starting":
      return view.now.ms - lost.since.ms < startingGraceMs;
    case "refused":
      return true;
    case "down":
    case "hanging":
    case "unreachable":
      return aliveFor(view, lost) !== undefined;
    case "unknown":
    case "up":
      return true;
  }
}

/** No node was ever seen as a primary, but one that we cannot ask may be. */
function mayStillHavePrimary(view: ClusterView): boolean {
  if (view.nodes.some((one) => one.condition.kind === "up" && one.pulse === undefined)) return true;
  const silent = view.nodes.filter((one) => one.condition.kind !== "up");
  if (silent.some((one) => one.condition.kind === "refused")) return true;
  if (silent.some((one) => one.condition.kind === "starting" && view.now.ms - one.since.ms < startingGraceMs))
    return true;
  return silent.some((one) => aliveFor(view, one) !== undefined);
}

function everythingDown(view: ClusterView): Found {
  const { name, nodes } = view;
  const unreachable = nodes.every((one) => one.condition.kind === "unreachable");
  const common = {
    severity: "critical",
    subject: clusterRef(view),
    evidence: nodeEvidence(nodes),
    ...lastGood(lastPrimaryAt(view) ?? latest(nodes.map((one) => one.lastGood?.at))),
  } as const;
  if (unreachable && nodes.length > 0)
    return {
      ...common,
      code: "cluster.unreachable",
      title: `No node of ${name} can be reached from here: their network is cut, or ours.`,
    };
  return {
    ...common,
    code: "cluster.down",
    title:
      nodes.length === 1
        ? `${name} is down: its only node ${fateOf(nodes[0] as NodeFacts)}.`
        : `${name} is down: none of its ${nodes.length} nodes works.`,
    remedy: request("restart", clusterRef(view)),
  };
}

function twoPrimaries(view: ClusterView): Found {
  const { name, primaries } = view;
  const stale = staleOf(primaries);
  const which = stale === undefined ? "a person must say which one is stale" : `${stale.node} is the stale one`;
  return {
    code: "roles.two-primaries",
    severity: "critical",
    subject: clusterRef(view),
    title: `${name} has ${primaries.length} primaries, ${listText(primaries.map((one) => one.node))}: writes go apart; ${which}.`,
    evidence: [
      ...primaries.map((one) => ({
        label: one.node,
        value: `timeline ${one.pulse?.timelineId}, at ${one.pulse?.lsn}, ${followers(one)} streaming from it`,
      })),
      ...(stale === undefined
        ? primaries.map(({ node }) => ({
            label: `to stop ${node}, if it is the wrong one`,
            value: `blackstart mitigate demote ${name}/${node}`,
          }))
        : []),
    ],
    ...(stale === undefined ? {} : { remedy: request("demote", nodeRef(stale)) }),
    ...lastGood(latest(primaries.map((one) => one.goodBefore?.at))),
  };
}

/**
 * Of two that were one: the one whose timeline the other left by its promotion. But where the standbys follow that one,
 * and it has not come back since the promotion, a standby may have been promoted beside a living primary by mistake: to
 * stop it would throw away what it acknowledged. A person must decide then. On the same timeline, the one nobody streams
 * from, if the other has somebody. More than two: the most stale one first.
 */
function staleOf(primaries: readonly NodeFacts[]): NodeFacts | undefined {
  const ends = primaries.map((one) => ({ ...endOf(one), of: one }));
  const stale = ends.find((one) => ends.every((other) => other === one || olderLine(one, other) === one))?.of;
  if (stale !== undefined) {
    const beside = primaries.filter((one) => one !== stale);
    const cameBack = beside.some(({ promoted }) => promoted !== undefined && stale.since.ms > promoted.ms);
    return followers(stale) > 0 && beside.every((one) => followers(one) === 0) && !cameBack ? undefined : stale;
  }
  if (new Set(primaries.map(timelineOf)).size > 1) return undefined;
  const alone = primaries.filter((one) => followers(one) === 0);
  if (alone.length === primaries.length) return undefined;
  return alone.toSorted((one, other) => lsnAhead(one.pulse?.lsn ?? "0/0", other.pulse?.lsn ?? "0/0"))[0];
}

function endOf(one: NodeFacts): WalEnd {
  const timelineId = timelineOf(one);
  const ancestors = one.line?.timelineId === timelineId ? one.line.ancestors : undefined;
  return { timelineId, lsn: one.pulse?.lsn ?? "0/0", ancestors };
}

function followers(one: NodeFacts): number {
  return one.pulse?.senders.length ?? 0;
}

function timelineOf(one: NodeFacts): number {
  return one.pulse?.timelineId ?? 0;
}

function lastPrimaryAt(view: ClusterView): Instant | undefined {
  return latest(view.nodes.map((one) => one.lastPrimary?.at));
}

function latest(instants: readonly (Instant | undefined)[]): Instant | undefined {
  return instants
    .filter((one) => one !== undefined)
    .toSorted()
    .at(-1);
}

export function lastGood(at: Instant | undefined): { lastGoodAt?: Instant } {
  return at === undefined ? {} : { lastGoodAt: at };
}

export function request(kind: string, subject: Ref): PlanRequest {
  return { kind, subject };
}

export function clusterRef(view: ClusterView): Ref {
  return { kind: "cluster", name: view.name };
}

export function nodeRef(one: Pick<NodeFacts, "cluster" | "node">): Ref {
  return { kind: "node", name: `${one.cluster}/${one.node}` };
}

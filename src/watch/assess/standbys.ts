import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Found, Moment, NodeFacts } from "../facts.ts";
import { endpointsOf, readEndpoint } from "../../drivers/postgres/endpoints.ts";
import type { Thresholds } from "../../system/thresholds.ts";
import { nodeRef, request } from "./roles.ts";
import type { ClusterView } from "./view.ts";
import { bytesText, durationText } from "./words.ts";

/**
 * Whether the standbys that are up follow. Without a primary they cannot: that is a consequence, not a finding. One
 * standby gives one finding, the one nearest to the cause.
 */
export function assessStandbys(view: ClusterView, thresholds: Thresholds): readonly Found[] {
  const primary = view.primaries.length === 1 ? view.primaries[0] : undefined;
  if (primary === undefined) return [];
  return view.standbys.flatMap(
    (one) =>
      notFollowing(view, primary, one) ?? [
        ...paused(view, one, thresholds),
        ...stuck(view, one, thresholds),
        ...lagging(primary, one, thresholds),
      ],
  );
}

function notFollowing(view: ClusterView, primary: NodeFacts, one: NodeFacts): readonly Found[] | undefined {
  const since = one.persisting.notFollowing;
  if (since === undefined) return undefined;
  // A standby that is about to follow a fresh promotion is seen in between for a moment.
  if (!lasts(view, since)) return [];
  const { code, title, evidence } = brokenBy(view, primary, one);
  return [
    {
      code: `replication.${code}`,
      severity: "warning",
      subject: nodeRef(one),
      title,
      evidence: [...evidence, { label: "since", value: since.at }],
      remedy: request("rejoin", nodeRef(one)),
      lastGoodAt: since.at,
    },
  ];
}

export const notFollowingCodes: ReadonlySet<string> = new Set(
  ["diverged", "follows-nobody", "other-timeline", "not-streaming"].map((code) => `replication.${code}`),
);

type Broken = Pick<Found, "code" | "title" | "evidence">;

function brokenBy(view: ClusterView, primary: NodeFacts, one: NodeFacts): Broken {
  const places = [primary, one].map(({ node, pulse }) => ({
    label: node,
    value: `timeline ${pulse?.timelineId}, at ${pulse?.lsn}`,
  }));
  if (one.following?.kind === "diverged")
    return {
      code: "diverged",
      title: `${one.node} has diverged from ${primary.node} and cannot follow it: ${one.following.why}.`,
      evidence: places,
    };
  if (one.following?.kind === "follows-nobody")
    return {
      code: "follows-nobody",
      title: `${one.node} is a standby of nobody: it neither streams nor restores, and its data grows old.`,
      evidence: [{ label: "empty there", value: "primary_conninfo, restore_command" }, ...places],
    };
  if (one.pulse?.timelineId !== primary.pulse?.timelineId)
    return {
      code: "other-timeline",
      title: `${one.node} is on timeline ${one.pulse?.timelineId} and does not follow ${primary.node}, which is on ${primary.pulse?.timelineId}.`,
      evidence: [...places, ...aim(view, one)],
    };
  const behind = lsnAhead(primary.pulse?.lsn ?? "0/0", one.pulse?.lsn ?? "0/0");
  return {
    code: "not-streaming",
    title: `${one.node} is up but receives no WAL: its data grows old.`,
    evidence: [
      { label: "WAL receiver", value: receiverText(one) },
      { label: `behind ${primary.node}`, value: bytesText(Math.max(0, behind)) },
      ...aim(view, one),
    ],
  };
}

function receiverText({ following, pulse }: NodeFacts): string {
  if (following?.kind === "receives-nothing") return "connected, and nothing comes";
  return pulse?.receiver == null ? "none" : "connects again and again";
}

/** Where it tries to stream from, if that is none of the nodes. */
function aim(view: ClusterView, one: NodeFacts): Broken["evidence"] {
  const aimed = one.pulse?.aimedAt ?? null;
  const { nodes } = view.cluster;
  if (aimed === null || Object.values(nodes).some((node) => endpointsOf(node).includes(readEndpoint(aimed)))) return [];
  return [
    { label: "its primary_conninfo", value: `leads to ${aimed}, which the system file has for none of the nodes` },
  ];
}

function paused(view: ClusterView, one: NodeFacts, thresholds: Thresholds): readonly Found[] {
  const since = one.persisting.replayPaused;
  if (since === undefined || view.now.ms - since.ms < thresholds["replication.pausedSeconds"] * 1000) return [];
  return [
    {
      code: "replication.replay-paused",
      severity: "warning",
      subject: nodeRef(one),
      title: `Replay on ${one.node} is paused: it receives, but its data stands still.`,
      evidence: [
        { label: "since", value: since.at },
        { label: "to be run there", value: "select pg_wal_replay_resume()" },
      ],
    },
  ];
}

function stuck(view: ClusterView, one: NodeFacts, thresholds: Thresholds): readonly Found[] {
  const since = one.persisting.replayStuck;
  if (since === undefined || view.now.ms - since.ms < thresholds["replication.stuckSeconds"] * 1000) return [];
  return [
    {
      code: "replication.replay-stuck",
      severity: "warning",
      subject: nodeRef(one),
      title: `${one.node} has not replayed anything for ${durationText(view.now.ms - since.ms)} although it has received more.`,
      evidence: [
        { label: "received", value: one.pulse?.lsn ?? "" },
        { label: "replayed", value: one.pulse?.replayedLsn ?? "" },
        { label: "likely cause", value: "a query on the standby holds replay up, or a record cannot be read" },
      ],
      lastGoodAt: since.at,
    },
  ];
}

/**
 * Where the primary's past is not known, the age of the last replayed commit must do. It grows for ever on a quiet
 * primary, so it says nothing while hardly anything is outstanding.
 */
const quietBytes = 1024 * 1024;

function lagging(primary: NodeFacts, one: NodeFacts, thresholds: Thresholds): readonly Found[] {
  const replayed = one.pulse?.replayedLsn ?? one.pulse?.lsn;
  if (replayed === undefined || primary.pulse === undefined) return [];
  const bytes = Math.max(0, lsnAhead(primary.pulse.lsn, replayed));
  const delayMs = one.replayDelayMs ?? (bytes > quietBytes ? (one.pulse?.replayedAgeMs ?? 0) : 0);
  // One that is meant to be late is judged by how much later it is, which no number of bytes tells.
  const meantMs = one.pulse?.applyDelayMs ?? 0;
  const limitBytes = meantMs > 0 ? Number.POSITIVE_INFINITY : thresholds["replication.lagBytes"];
  const limitMs = meantMs + thresholds["replication.lagSeconds"] * 1000;
  if (bytes <= limitBytes && delayMs <= limitMs) return [];
  return [
    {
      code: "replication.lag",
      severity: "warning",
      subject: nodeRef(one),
      title: `${one.node} lags ${bytesText(bytes)}${delayMs > 0 ? ` or ${durationText(delayMs)}` : ""} behind ${primary.node}.`,
      evidence: [
        { label: "bytes", value: meantMs > 0 ? `${bytes}` : `${bytes} (limit ${limitBytes})` },
        { label: "delay", value: `${durationText(delayMs)} (limit ${durationText(limitMs)})` },
        {
          label: "not yet received",
          value: bytesText(Math.max(0, lsnAhead(primary.pulse.lsn, one.pulse?.lsn ?? replayed))),
        },
      ],
    },
  ];
}

/** Long enough not to be a WAL receiver that is just being started again. */
function lasts(view: ClusterView, since: Moment): boolean {
  return view.now.ms - since.ms >= 2 * view.heartbeatMs;
}

import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import type { Found, Moment, NodeFacts } from "../facts.ts";
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
      otherTimeline(view, primary, one) ??
      notStreaming(view, primary, one) ?? [
        ...paused(view, one, thresholds),
        ...stuck(view, one, thresholds),
        ...lagging(primary, one, thresholds),
      ],
  );
}

function otherTimeline(view: ClusterView, primary: NodeFacts, one: NodeFacts): readonly Found[] | undefined {
  const its = one.pulse?.timelineId ?? 0;
  const current = primary.pulse?.timelineId ?? 0;
  if (its === current || one.persisting.notStreaming === undefined) return undefined;
  // A standby that is about to follow a fresh promotion is seen in between for a moment.
  if (!lasts(view, one.persisting.notStreaming)) return [];
  return [
    {
      code: "replication.other-timeline",
      severity: "warning",
      subject: nodeRef(one),
      title: `${one.node} is on timeline ${its} and does not follow ${primary.node}, which is on ${current}.`,
      evidence: [
        { label: one.node, value: `timeline ${its}, at ${one.pulse?.lsn}` },
        { label: primary.node, value: `timeline ${current}, at ${primary.pulse?.lsn}` },
      ],
      remedy: request("rejoin", nodeRef(one)),
      lastGoodAt: one.persisting.notStreaming.at,
    },
  ];
}

function notStreaming(view: ClusterView, primary: NodeFacts, one: NodeFacts): readonly Found[] | undefined {
  const since = one.persisting.notStreaming;
  if (since === undefined) return undefined;
  if (!lasts(view, since)) return [];
  const behind = lsnAhead(primary.pulse?.lsn ?? "0/0", one.pulse?.lsn ?? "0/0");
  return [
    {
      code: "replication.not-streaming",
      severity: "warning",
      subject: nodeRef(one),
      title: `${one.node} is up but receives no WAL: its data grows old.`,
      evidence: [
        { label: "WAL receiver", value: one.pulse?.receiver?.status ?? "none" },
        { label: `behind ${primary.node}`, value: bytesText(Math.max(0, behind)) },
        { label: "since", value: since.at },
      ],
      remedy: request("rejoin", nodeRef(one)),
      lastGoodAt: since.at,
    },
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
  const limitBytes = thresholds["replication.lagBytes"];
  const limitMs = thresholds["replication.lagSeconds"] * 1000;
  if (bytes <= limitBytes && delayMs <= limitMs) return [];
  return [
    {
      code: "replication.lag",
      severity: "warning",
      subject: nodeRef(one),
      title: `${one.node} lags ${bytesText(bytes)}${delayMs > 0 ? ` or ${durationText(delayMs)}` : ""} behind ${primary.node}.`,
      evidence: [
        { label: "bytes", value: `${bytes} (limit ${limitBytes})` },
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

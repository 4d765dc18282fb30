import {
  isSynchronousName,
  parseSynchronousNames,
  type SynchronousNames,
} from "../../drivers/postgres/synchronous-names.ts";
import type { Found, NodeFacts, Sender } from "../facts.ts";
import { assessLowered } from "./lowered.ts";
import { clusterRef, lastGood, request } from "./roles.ts";
import { type ClusterView, isDead, type PlacedSender, placedSenders } from "./view.ts";
import { listText } from "./words.ts";

/**
 * Whether an acknowledged write is on as many standbys as asked. Too few of them, and every commit hangs: no error, no
 * entry in a log, only silence. That they do hang is claimed only where somebody waits. ANY and FIRST need the same number; which ones they are makes no difference here.
 */
export function assessSynchronous(view: ClusterView): readonly Found[] {
  const primary = view.primaries.length === 1 ? view.primaries[0] : undefined;
  if (primary?.pulse === undefined) return [];
  const names = parsed(primary.pulse.synchronousStandbyNames);
  const lowered = assessLowered(view);
  if (names === undefined) return lowered === undefined ? synchronousOff(view, primary) : [lowered];
  // Without pg_monitor the state of a sender is not told: nothing is claimed.
  if (primary.pulse.senders.some((sender) => sender.state === null)) return [];
  const counted = placedSenders(view, primary)
    .filter((sender) => counts(names, sender))
    .map(({ row }) => row);
  const stalled = primary.persisting.synchronousStalled;
  const stalls = stalled !== undefined && view.now.ms - stalled.ms >= 2 * view.heartbeatMs;
  if (counted.length >= names.count && !stalls)
    return lowered === undefined ? tooFewByFile(view, primary, names) : [lowered];
  if (!stalls && !isSettled(view, primary, names)) return [];
  return [missing(view, primary, names, counted)];
}

function missing(view: ClusterView, primary: NodeFacts, names: SynchronousNames, counted: readonly Sender[]): Found {
  const waiters = primary.pulse?.synchronousWaiters ?? 0;
  const hangs = waiters > 0 || primary.persisting.synchronousStalled !== undefined;
  const gone = view.nodes.filter((one) => one !== primary && couldCount(names, one) && !streams(view, primary, one));
  const reason =
    counted.length >= names.count
      ? "the synchronous standby streams but confirms nothing"
      : names.count === 1
        ? "no synchronous standby is there"
        : `only ${counted.length} of ${names.count} synchronous standbys are there`;
  return {
    code: "replication.synchronous-missing",
    severity: "critical",
    subject: clusterRef(view),
    title: `${hangs ? `Commits on ${view.name} hang` : `The next commit on ${view.name} would hang`}: ${reason}${gone.length > 0 ? ` (${listText(gone.map((one) => one.node))} missing)` : ""}.`,
    evidence: [
      { label: "sessions waiting to commit", value: String(waiters) },
      { label: "synchronous_standby_names", value: primary.pulse?.synchronousStandbyNames ?? "" },
      { label: "streaming and counted", value: listText(counted.map((one) => one.applicationName ?? "?")) || "none" },
      ...(["on", "remote_apply", ""].includes(primary.pulse?.synchronousCommit ?? "")
        ? []
        : [
            {
              label: "synchronous_commit",
              value: `${primary.pulse?.synchronousCommit} by default: not every commit waits`,
            },
          ]),
      ...gone.map((one) => ({ label: one.node, value: `${one.condition.kind}` })),
    ],
    remedy: request("degrade-synchronous", clusterRef(view)),
    ...lastGood(primary.persisting.synchronousStalled?.at ?? primary.goodBefore?.at),
  };
}

/** It streams, its name counts, and the node behind it is not known to be gone: a hung one streams on for a minute. */
function counts(names: SynchronousNames, { row, nodes }: PlacedSender): boolean {
  if (row.state !== "streaming" || !isSynchronousName(names, row.applicationName ?? "")) return false;
  return nodes.length === 0 || nodes.some((node) => !isDead(node) || node.condition.kind === "unreachable");
}

/**
 * A standby that is gone, or whose connection broke a while ago. One that has just lost its receiver is back within
 * milliseconds, and nobody is to be woken for that.
 */
function isSettled(view: ClusterView, primary: NodeFacts, names: SynchronousNames): boolean {
  const absent = view.nodes.filter((one) => one !== primary && couldCount(names, one) && !streams(view, primary, one));
  if (absent.length === 0 || absent.some((one) => one.condition.kind !== "up")) return true;
  return absent.every((one) => view.now.ms - (one.persisting.notFollowing?.ms ?? view.now.ms) >= 2 * view.heartbeatMs);
}

function couldCount(names: SynchronousNames, one: NodeFacts): boolean {
  return isSynchronousName(names, one.pulse?.replicationName ?? one.node);
}

function streams(view: ClusterView, primary: NodeFacts, one: NodeFacts): boolean {
  return placedSenders(view, primary).some(
    ({ row, nodes }) => row.state === "streaming" && nodes.includes(one) && !isDead(one),
  );
}

function synchronousOff(view: ClusterView, primary: NodeFacts): readonly Found[] {
  if (view.cluster.synchronous === 0) return [];
  return [
    {
      code: "replication.synchronous-off",
      severity: "warning",
      subject: clusterRef(view),
      title: `${view.name} commits without waiting for a standby: what ${primary.node} acknowledges now can be lost with it.`,
      evidence: [
        { label: "synchronous_standby_names", value: "empty" },
        { label: "wanted", value: `${view.cluster.synchronous} (the system file's \`synchronous\`)` },
      ],
      remedy: request("restore-synchronous", clusterRef(view)),
    },
  ];
}

/** It works, but promises less than the system file says. */
function tooFewByFile(view: ClusterView, primary: NodeFacts, names: SynchronousNames): readonly Found[] {
  const wanted = view.cluster.synchronous;
  if (names.count < wanted)
    return [
      {
        code: "replication.synchronous-off",
        severity: "warning",
        subject: clusterRef(view),
        title: `${view.name} waits for ${names.count} standbys, not for the ${wanted} that the system file wants.`,
        evidence: [{ label: "synchronous_standby_names", value: primary.pulse?.synchronousStandbyNames ?? "" }],
        remedy: request("restore-synchronous", clusterRef(view)),
      },
    ];
  const level = primary.pulse?.synchronousCommit;
  if (level !== "off" && level !== "local") return [];
  return wanted === 0
    ? []
    : [
        {
          code: "replication.synchronous-off",
          severity: "warning",
          subject: clusterRef(view),
          title: `${view.name} has synchronous standbys, but commits do not wait for them by default.`,
          evidence: [{ label: "synchronous_commit", value: level }],
        },
      ];
}

/** A setting that PostgreSQL took cannot be malformed; should it be of a newer grammar, nothing is claimed about it. */
function parsed(setting: string): SynchronousNames | undefined {
  try {
    return parseSynchronousNames(setting);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

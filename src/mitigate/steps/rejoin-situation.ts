import { BlackstartError } from "../../base/error.ts";
import { delay, pollUntil } from "../../base/time.ts";
import { type FollowReason, followReasonIn } from "../../drivers/postgres/follow-reason.ts";
import { type Following, heldAcross, keepsUp } from "../../drivers/postgres/following.ts";
import { compareWalEnds, type WalEnd } from "../../drivers/postgres/history.ts";
import { type Instance, knownState, ranAsStandby } from "../../drivers/postgres/instance.ts";
import { lookAt } from "../../drivers/postgres/looks.ts";
import { reachabilityOf } from "../../drivers/postgres/reachability.ts";
import { askWalEnd } from "../../drivers/postgres/wal-end.ts";
import { keepsWalFrom } from "../../drivers/postgres/wal-kept.ts";
import type { StepContext } from "../../plan/handler.ts";
import { clusterOf } from "../../system/names.ts";
import type { MitigationContext } from "../context.ts";
import { followingOf } from "../following.ts";
import type { RejoinSituation } from "../rejoin-decision.ts";
import { text } from "./parameters.ts";
import type { Rejoining } from "./rejoin-remedies.ts";
import { loginOf, pairOf, refusalIn } from "./replication-conninfo.ts";
import { senderOf } from "./sender.ts";
import { isStandby, sessions } from "./servers.ts";
import { upstreamFor } from "./upstream.ts";

const followTimeoutMs = 10_000;
/** One that starts is given so long to answer, or to say what keeps it from it. */
const startingTimeoutMs = 60_000;
const pollMs = 200;

/**
 * How the node is now, asked of itself, of its host and of the primary. Changes nothing.
 * @param wasTried a remedy was carried out before
 */
export async function situationOf(rejoining: Rejoining, wasTried = false): Promise<RejoinSituation> {
  const { context, step, instance } = rejoining;
  const deadlineMs = performance.now() + startingTimeoutMs;
  const primary = await endOf(context, step, text(step, "primary"));
  for (;;) {
    const { state, pids } = await knownState(instance);
    if (state === "no-data") return { ...blank, server: "no-data" };
    const server = pids.length === 0 ? "down" : state === "running" ? await serverOf(context, step) : "hanging";
    if (server === "down") return whenDown(rejoining, primary, wasTried);
    if (server === "standby") return whenStandby(rejoining, primary, wasTried);
    const reason = await reasonOf(instance);
    if (server !== "starting" || reason !== undefined || performance.now() > deadlineMs)
      return { ...blank, ...(await byFiles(instance, primary)), server, ...(reason && { reason }) };
    await delay(pollMs, step.signal);
  }
}

const blank = { history: "unknown", sharesTimeline: true, crashed: false, canRewind: false } as const;

/** Why the primary does not let it in, by a login from its host; undefined: it does, or that cannot be tried. */
export async function refusalOf({ context, step, instance }: Rejoining): Promise<FollowReason | undefined> {
  const reason = refusalIn(await loginOf(context, pairOf(step), instance));
  return reason?.kind === "busy" ? undefined : reason;
}

/** Undefined: it is down, or starting. */
export async function followingNow(
  context: MitigationContext,
  step: StepContext,
  timeoutMs: number,
): Promise<Following | undefined> {
  try {
    return await followingOf(context, pairOf(step), { timeoutMs, signal: step.signal });
  } catch (error) {
    if (error instanceof BlackstartError && !step.signal.aborted) return undefined;
    throw error;
  }
}

async function serverOf(context: MitigationContext, step: StepContext): Promise<RejoinSituation["server"]> {
  try {
    return await sessions(context).use(text(step, "cluster"), text(step, "node"), async (connection) =>
      (await isStandby(connection)) ? "standby" : "primary",
    );
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    const { kind } = reachabilityOf(error);
    return kind === "starting" || kind === "closed" ? "starting" : kind === "refused" ? "closed-to-us" : "hanging";
  }
}

/** What its log says of the time before counts only once it was started for the primary of now. */
async function whenDown(
  { instance }: Rejoining,
  primary: WalEnd | undefined,
  wasTried: boolean,
): Promise<RejoinSituation> {
  const { clusterState } = await instance.control();
  const reason = wasTried ? await reasonOf(instance) : undefined;
  return {
    ...(await byFiles(instance, primary)),
    server: "down",
    crashed: clusterState !== "shut down" && !ranAsStandby(clusterState),
    ...(reason && { reason }),
  };
}

/** The receiver of before goes on for a moment after it was aimed anew. */
const aimedTimeoutMs = 5000;

/**
 * The standby from which it streams, where it is to stream from the primary itself (`direct`); undefined where it does, or
 * the file declares it to be a cascade.
 */
export async function asideOf(
  context: MitigationContext,
  step: StepContext,
  timeoutMs: number = 0,
): Promise<string | undefined> {
  const { cluster, node, primary } = pairOf(step);
  const { nodes } = clusterOf(context.system, cluster);
  if (step.parameters.direct !== true || nodes[node]?.follows !== undefined) return undefined;
  let aside: string | undefined;
  const isDirect = async () => {
    const { sender } = await sessions(context).use(cluster, node, lookAt);
    const from = await senderOf(context, cluster, node, sender);
    aside = from === primary ? undefined : from;
    return aside === undefined ? true : undefined;
  };
  await pollUntil(isDirect, { everyMs: 20, timeoutMs, signal: step.signal });
  return aside;
}

async function whenStandby(
  rejoining: Rejoining,
  primary: WalEnd | undefined,
  wasTried: boolean,
): Promise<RejoinSituation> {
  const { context, step, instance } = rejoining;
  const aside = await asideOf(context, step, wasTried ? aimedTimeoutMs : 0);
  const following = await followingNow(context, step, followTimeoutMs);
  const [end, present] = [
    await endOf(context, step, text(step, "node")),
    // The primary has written on since; who is ahead of it was judged by the looks.
    await endOf(context, step, text(step, "primary")),
  ];
  const look = await sessions(context).use(text(step, "cluster"), text(step, "node"), lookAt);
  const known =
    following !== undefined && keepsUp(following)
      ? undefined
      : (staysBehind(end, present, look.timelineTarget) ?? (await reasonOf(instance)));
  const reason = known ?? (following?.kind === "not-connected" ? await missesWal(rejoining, end) : undefined);
  return {
    ...blank,
    server: "standby",
    following: following ?? { kind: "not-connected" },
    history: historyOf(end && present && heldAcross(end, present, look), present),
    sharesTimeline: sharesTimeline(end, primary),
    canRewind: await instance.canRewind(),
    ...(reason && { reason }),
    ...(aside === undefined ? {} : { aside }),
  };
}

/** By its files, which tell of a lower bound only. */
async function byFiles(
  instance: Instance,
  primary: WalEnd | undefined,
): Promise<Pick<RejoinSituation, "history" | "sharesTimeline" | "crashed" | "canRewind">> {
  const end = await instance.diskEnd();
  const history = historyOf(end, primary);
  return {
    history: history === "on-line" ? "unknown" : history,
    sharesTimeline: sharesTimeline(end, primary),
    crashed: false,
    canRewind: await instance.canRewind(),
  };
}

function historyOf(end: WalEnd | undefined, primary: WalEnd | undefined): RejoinSituation["history"] {
  if (end === undefined || primary === undefined) return "unknown";
  const compared = compareWalEnds(end, primary);
  if (compared.kind === "same-line") return compared.aheadBytes > 0 ? "diverged" : "on-line";
  return compared.kind;
}

/** The log says nothing of it: the server streams to the end of its timeline, again and again. */
function staysBehind(
  end: WalEnd | undefined,
  primary: WalEnd | undefined,
  target: string | null | undefined,
): FollowReason | undefined {
  if (end === undefined || primary === undefined || target == null || target === "latest") return undefined;
  if (historyOf(end, primary) !== "on-line" || end.timelineId === primary.timelineId) return undefined;
  const said = `its recovery_target_timeline is '${target}', so it stays on timeline ${end.timelineId}; the primary is on ${primary.timelineId}`;
  return { kind: "one-timeline", said };
}

function sharesTimeline(end: WalEnd | undefined, primary: WalEnd | undefined): boolean {
  return end === undefined || primary === undefined || end.timelineId === primary.timelineId;
}

async function endOf(context: MitigationContext, step: StepContext, node: string): Promise<WalEnd | undefined> {
  try {
    return await askWalEnd((options) => context.fleet.connect(text(step, "cluster"), node, options));
  } catch (error) {
    if (error instanceof BlackstartError) return undefined; // Not to be told is not known, and no reason to rewind.
    throw error;
  }
}

/** Where its log does not say why; not of one that may get it from an archive yet. */
async function missesWal({ context, step }: Rejoining, end: WalEnd | undefined): Promise<FollowReason | undefined> {
  const { cluster, node, primary } = pairOf(step);
  if (end === undefined) return undefined;
  try {
    const restores = await sessions(context).use(cluster, node, async (one) => (await lookAt(one)).restores);
    if (restores !== false) return undefined;
    const upstream = await upstreamFor(context, cluster, node, primary);
    const keeps = await sessions(context).use(cluster, upstream, (one) => keepsWalFrom(one, end.lsn));
    return keeps === false
      ? { kind: "wal-gone", said: `${upstream} has removed the WAL from ${end.lsn} on, which ${node} lacks` }
      : undefined;
  } catch (error) {
    if (error instanceof BlackstartError) return undefined; // Then it is not known.
    throw error;
  }
}

async function reasonOf(instance: Instance): Promise<FollowReason | undefined> {
  try {
    return followReasonIn((await instance.lastErrors()).lines);
  } catch (error) {
    if (error instanceof BlackstartError) return undefined; // Then it is not known, and only the gentle remedies fit.
    throw error;
  }
}

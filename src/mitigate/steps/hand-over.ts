import { BlackstartError, messageOf } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { followingText } from "../../drivers/postgres/following.ts";
import {
  commandLine,
  type Instance,
  isStartedAgain,
  type KnownState,
  knownState,
} from "../../drivers/postgres/instance.ts";
import { type Lsn, lsnAhead } from "../../drivers/postgres/lsn.ts";
import { type Reachability, reachabilityOf } from "../../drivers/postgres/reachability.ts";
import { askWalEnd } from "../../drivers/postgres/wal-end.ts";
import type { CheckResult, StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { followingOf } from "../following.ts";
import { notedAtWork, refusedBeside } from "./at-work.ts";
import { isCut, throughCut, wayBack } from "./cut.ts";
import { notedElected } from "./elected.ts";
import { remainsOf } from "./fenced.ts";
import { assertOwnDirectory } from "../own-directory.ts";
import { stepFailed, text } from "./parameters.ts";
import { otherWriters, refusedIfUnknown, whoWrites } from "./roles.ts";
import { declaredNode, isStandby, neededInstance, sessions, startedAgain, startServer } from "./servers.ts";

const stopTimeoutMs = 30_000;
const receiveTimeoutMs = 10_000;
const followTimeoutMs = 1000;
const roleTimeoutMs = 10_000;
const startTimeoutMs = 60_000;
const checkpointTimeoutMs = 5 * 60_000;

/** A checkpoint beforehand, while clients still write, shortens the one at the stop, while they wait. */
export function checkpointHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.checkpoint",
    looks: true,
    check: async () => ({ state: "ready" }),
    async do(step) {
      await step.assertHeld();
      const work = sessions(context).use(text(step, "cluster"), text(step, "node"), (connection) =>
        connection.query("checkpoint", [], { timeoutMs: checkpointTimeoutMs }),
      );
      await work;
      return {};
    },
    async verify() {
      // The statement returns after the checkpoint is written.
    },
  };
}

/**
 * The primary is stopped cleanly, and the target has its log to the last byte: the shutdown checkpoint, whose place
 * pg_control tells, is replayed there. If that does not come about in time the primary is started again, and all is as
 * before; but not where another may have been promoted meanwhile, see `refusedBeside`.
 */
export function handOverHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.hand-over",
    async check(step) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      const state = await knownState(instance);
      if (state.pids.length > 0) return (await unsafeToStop(context, step, instance)) ?? { state: "ready" };
      const { clusterState, checkpointLsn, timelineId } = await instance.control();
      if (clusterState !== "shut down")
        return {
          state: "refused",
          why: `${text(step, "node")} was not stopped cleanly (“${clusterState}”): what it wrote last may be missing on ${text(step, "target")}.`,
          next: "Start it again with `blackstart mitigate restart`, or fail over with `blackstart mitigate failover`.",
        };
      const there = state.standbySignal && (await hasReplayedOnceMarked(context, step, checkpointLsn));
      if (!there) return { state: "ready" };
      return {
        state: "done",
        outcome: { lsn: checkpointLsn, timeline: timelineId, control: await remainsOf(instance) },
      };
    },
    async do(step) {
      const [cluster, node] = [text(step, "cluster"), text(step, "node")];
      const instance = await neededInstance(context, cluster, node);
      await assertOwnDirectory(context, { cluster, node, instance });
      await step.assertHeld();
      const told = await knownState(instance);
      try {
        await stopCleanly(context, step);
        const { checkpointLsn, timelineId } = await instance.control();
        // As it is now: what starts it before it is marked starts a primary.
        const outcome = { lsn: checkpointLsn, timeline: timelineId, control: await remainsOf(instance) };
        const asked = () => hasReplayed(context, step, checkpointLsn);
        const there = async () => ((await throughCut(step, asked)) ? true : undefined);
        if (!(await pollUntil(there, { everyMs: 5, timeoutMs: receiveTimeoutMs, signal: step.signal })))
          throw new Error(
            `${text(step, "target")} has not received all up to ${checkpointLsn} within ${receiveTimeoutMs / 1000} s`,
          );
        await step.assertHeld();
        await instance.markStandby();
        await unlessServing(step, instance);
        return outcome;
      } catch (error) {
        // Whoever holds the lease now, or was asked to end this, decides what becomes of the stopped primary.
        if (step.signal.aborted) throw interrupted(step, error);
        throw await backAgain(context, step, told, error);
      }
    },
    async verify(step, outcome) {
      if (typeof outcome.lsn === "string" && (await hasReplayedOnceMarked(context, step, outcome.lsn))) return;
      throw stepFailed(
        `${text(step, "target")} lacks the end of the log of ${text(step, "node")}; nothing was promoted.`,
        "It was there a moment ago.",
        `See \`blackstart status\`. ${wayBack(step, text(step, "node"))}`,
      );
    },
  };
}

/** Asked while clients still write: what would keep the target from receiving all, or makes the stop pointless. */
async function unsafeToStop(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
): Promise<CheckResult | undefined> {
  const [cluster, node, target] = [text(step, "cluster"), text(step, "node"), text(step, "target")];
  const refused = (why: string): CheckResult => ({
    state: "refused",
    why,
    next: "Nothing was stopped. See `blackstart status`, then make a new plan.",
  });
  const role = await roleOf(context, cluster, node);
  // It is being stopped already, by this plan before it was interrupted; else it may be at work.
  if (typeof role !== "string")
    return isEnding.has(role.kind) ? undefined : refused(`${node} does not answer (${role.detail}).`);
  if (role === "standby") return refused(`${node} is a standby by now; the primary is another.`);
  // Before the others are asked: what they answer is younger.
  notedAtWork(context, step);
  const { leftovers, unread } = await instance.nextStart();
  if (unread !== undefined)
    return refused(`It is not known that ${node} would stay a standby: ${unread.message} ${unread.why}`);
  const fixed = leftovers.find(({ where }) => where === commandLine);
  if (fixed !== undefined)
    return refused(
      `${node} would ${fixed.effect} as a standby: ${fixed.where} sets ${fixed.setting} = '${fixed.value}'. Take that out of what starts it.`,
    );
  // What keeps the target from being promoted afterwards would leave the cluster without a primary.
  const { taking, unknown } = otherWriters(await whoWrites(context, cluster), node);
  if (taking.length > 0) return refused(`${taking.join(" and ")} takes writes already.`);
  const unasked = refusedIfUnknown(unknown, `${target} would not be promoted beside it; nothing was stopped`);
  if (unasked !== undefined) return unasked;
  return sessions(context).use(cluster, target, async (connection) => {
    if (!(await isStandby(connection))) return refused(`${target} takes writes already.`);
    const pair = { cluster, node: target, primary: node };
    const one = await followingOf(context, pair, { timeoutMs: followTimeoutMs, signal: step.signal });
    if (one.kind !== "follows" && one.kind !== "catching-up") return refused(`${target} ${followingText(one)}.`);
    // It is the primary, and the target has its line: until the end of this run nobody can have gone another way.
    notedElected(step);
    return undefined;
  });
}

const isEnding: ReadonlySet<Reachability["kind"]> = new Set(["starting", "closed", "broken"]);

/** Or why it does not say. */
async function roleOf(
  context: MitigationContext,
  cluster: string,
  node: string,
): Promise<"standby" | "primary" | Reachability> {
  try {
    return await sessions(context).use(cluster, node, async (one) => ((await isStandby(one)) ? "standby" : "primary"));
  } catch (error) {
    if (error instanceof BlackstartError) return reachabilityOf(error);
    throw error;
  }
}

function interrupted(step: StepContext, because: unknown): BlackstartError {
  if (because instanceof BlackstartError && because.code === "LEASE_LOST") return because;
  return stepFailed(
    `${text(step, "node")} was told to stop and is not replaced yet: no node takes writes.`,
    messageOf(because),
    `Start it again (\`blackstart mitigate restart\`; remove its standby.signal first, if it has one), or fail over (\`blackstart mitigate failover\`).`,
    because,
  );
}

async function stopCleanly(context: MitigationContext, step: StepContext): Promise<void> {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  const instance = await neededInstance(context, cluster, node);
  const { stop, host } = declaredNode(context, cluster, node);
  if ((await knownState(instance)).pids.length > 0) {
    if (stop === undefined) await instance.stop("fast", stopTimeoutMs);
    else await context.fleet.host(host ?? "local:").run({ script: stop, timeoutMs: stopTimeoutMs });
  }
  const state = await knownState(instance);
  const { clusterState } = await instance.control();
  if (state.pids.length > 0 || clusterState !== "shut down")
    throw new Error(`${node} did not stop cleanly (“${clusterState}”)`);
}

/** Started again before the mark was there, it is a primary, and its next start is not to make a standby of it. */
async function unlessServing(step: StepContext, instance: Instance): Promise<void> {
  if ((await knownState(instance)).pids.length === 0) return;
  const started = async () => {
    const { clusterState } = await instance.control();
    return clusterState === "shut down" ? undefined : clusterState;
  };
  const state = await pollUntil(started, { everyMs: 20, timeoutMs: roleTimeoutMs, signal: step.signal });
  if (state !== "in production") return;
  await instance.unmarkStandby();
  throw new Error(`${text(step, "node")} runs as a primary again`);
}

/**
 * A record is replayed as a whole: when the end of replay lies behind its start, all of it is there. One that is promoted
 * already, by this plan before it was interrupted or by somebody else, has replayed up to where its timeline began; throws
 * where that was too soon.
 */
async function hasReplayed(context: MitigationContext, step: StepContext, lsn: Lsn): Promise<boolean> {
  const [cluster, target] = [text(step, "cluster"), text(step, "target")];
  const replayed = await sessions(context).use(cluster, target, async (connection) => {
    if (!(await isStandby(connection))) return undefined;
    const rows = await connection.query<{ lsn: Lsn | null }>("select pg_last_wal_replay_lsn()::text as lsn");
    return rows[0]?.lsn ?? "0/0";
  });
  if (replayed !== undefined) return lsnAhead(replayed, lsn) > 0;
  const { ancestors } = await askWalEnd((options) => context.fleet.connect(cluster, target, options));
  const fork = ancestors?.at(-1)?.endLsn;
  if (fork !== undefined && lsnAhead(fork, lsn) > 0) return true;
  throw new Error(`${target} was promoted before it had received all up to ${lsn}`);
}

/** With the primary stopped and marked: where the target does not answer, what has to be said is how things stand. */
async function hasReplayedOnceMarked(context: MitigationContext, step: StepContext, lsn: Lsn): Promise<boolean> {
  try {
    return await throughCut(step, () => hasReplayed(context, step, lsn));
  } catch (error) {
    if (!isCut(error)) throw error;
    const [node, target] = [text(step, "node"), text(step, "target")];
    throw stepFailed(
      `${node} is stopped and marked as a standby, and ${target} was not promoted: no node takes writes.`,
      `${target} does not answer: ${reachabilityOf(error).detail}.`,
      wayBack(step, node),
      error,
    );
  }
}

async function backAgain(
  context: MitigationContext,
  step: StepContext,
  told: KnownState,
  because: unknown,
): Promise<BlackstartError> {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  const restart = `\`blackstart mitigate restart ${cluster}/${node}\``;
  try {
    const instance = await neededInstance(context, cluster, node);
    const state = await knownState(instance);
    if (isStartedAgain(told, state)) return startedAgain(node, "The switchover was called off.", because);
    // A fast stop cannot be called off: what hangs in it is ended, and recovers when it starts.
    if (state.pids.length > 0) await instance.kill();
    const refusal = await refusedBeside(context, step);
    if (refusal !== undefined)
      return stepFailed(
        `The switchover was called off; ${node} stays down.`,
        `${messageOf(because)}. ${refusal.missing}`,
        `${refusal.provide}${refusal.rule === "unknown" ? ` Once it answers: ${restart}.` : ""}`,
        because,
      );
    await step.assertHeld();
    // This plan's, from before it was interrupted.
    if ((await knownState(instance)).standbySignal) await instance.unmarkStandby();
    await startServer(context, { cluster, node, instance }, startTimeoutMs);
    if ((await roleOf(context, cluster, node)) !== "primary") throw new Error(`${node} did not come up as a primary`);
    return stepFailed(
      `The switchover was called off: ${node} is the primary again, as before.`,
      messageOf(because),
      `Find out why ${text(step, "target")} lags or ${node} does not stop, then make a new plan.`,
      because,
    );
  } catch (error) {
    return stepFailed(
      `The switchover was called off, but ${node} could not be made the primary again: no node takes writes.`,
      `${messageOf(because)}. ${messageOf(error)}`,
      `Start ${node}: ${restart}, or, if it is marked as a standby, \`blackstart mitigate unfence ${cluster}/${node}\`.`,
      error,
    );
  }
}

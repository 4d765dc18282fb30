import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import {
  type Instance,
  type KnownState,
  knownState,
  type NextStart,
  ranAsStandby,
} from "../../drivers/postgres/instance.ts";
import { type Reachability, reachabilityOf } from "../../drivers/postgres/reachability.ts";
import type { CheckResult, StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { rememberedOf } from "../memory.ts";
import { type Outage, otherOutage, outageOf } from "../outage.ts";
import { assertOwnDirectory } from "../own-directory.ts";
import { type StopPlanned, type StopSeen, stopVerdict } from "../stop-safety.ts";
import { notedAtWork, refusedBeside } from "./at-work.ts";
import { stepFailed, text } from "./parameters.ts";
import { endServer, isStandby, neededInstance, sessions, startServer } from "./servers.ts";

const stopTimeoutMs = 30_000;
const startTimeoutMs = 5 * 60_000;

/**
 * Nothing of the server runs. One that answers is stopped in order; one that hangs, or is half dead, is killed, if it is
 * the one that the plan was made for: see `stopVerdict`.
 */
export function stopHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.stop",
    async check(step) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      const state = await knownState(instance);
      if (state.pids.length === 0) return { state: "done", outcome: { how: "it was down" } };
      const seen = await lookAt(context, step, instance, state);
      const verdict = stopVerdict(plannedStop(step), seen);
      if (verdict.kind === "leave") return { state: "done", outcome: { how: startedAnew } };
      if (verdict.kind === "refuse")
        return {
          state: "refused",
          why: `${text(step, "node")} is not as it was when this plan was made: ${verdict.why}.`,
          next: "Nothing was done to it. See `blackstart status`, and make a new plan if it is to be restarted still.",
        };
      if (typeof seen.answer === "string") notedAtWork(context, step);
      return { state: "ready" };
    },
    async do(step) {
      const [cluster, node] = [text(step, "cluster"), text(step, "node")];
      const instance = await neededInstance(context, cluster, node);
      const { startedAt, outage } = plannedStop(step);
      const mode = startedAt === null ? "kill" : "fast";
      const isOther = (state: KnownState) => otherOutage(outage, outageOf({ instance: state })) !== undefined;
      const options = { mode, timeoutMs: stopTimeoutMs, isOther } as const;
      const how = await endServer(context, step, { cluster, node, instance }, options);
      return { how: how === "started again" ? startedAnew : how };
    },
    async verify(step, outcome) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      if (outcome.how === startedAnew || (await knownState(instance)).pids.length === 0) return;
      throw stepFailed(
        `${text(step, "node")} runs still, or again.`,
        "Something starts it as soon as it is stopped.",
        "Declare `stop:` and `start:` for it, so that its supervisor is asked.",
      );
    },
  };
}

const startedAnew = "it was started anew since";

function plannedStop(step: StepContext): StopPlanned {
  const { startedAt, outage } = step.parameters;
  return {
    startedAt: typeof startedAt === "string" ? startedAt : null,
    reach: text(step, "reach") as StopPlanned["reach"],
    state: text(step, "state") as StopPlanned["state"],
    outage: outage as Outage,
  };
}

async function lookAt(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  state: KnownState,
): Promise<StopSeen> {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  const answer = await startedAtOf(context, step);
  const [{ lock }, memories] = await Promise.all([instance.identity(), rememberedOf(context.timeline, cluster)]);
  const remembered = memories.get(node);
  const started = lock && { startedAtMs: lock.startedAtMs };
  return {
    answer,
    state: state.state,
    outage: outageOf({ instance: state, ...started, ...(remembered && { remembered }) }),
  };
}

async function startedAtOf(context: MitigationContext, step: StepContext): Promise<string | Reachability> {
  try {
    return await sessions(context).use(text(step, "cluster"), text(step, "node"), async (connection) => {
      const [row] = await connection.query<{ at: string }>(
        `select to_char(pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`,
      );
      return row?.at ?? "";
    });
  } catch (error) {
    if (error instanceof BlackstartError) return reachabilityOf(error);
    throw error;
  }
}

/** The server runs and is what it should be. A primary is started only while no other node takes writes. */
export function startHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.start",
    async check(step) {
      const role = await roleOf(context, step, text(step, "node"));
      if (role === text(step, "role")) return { state: "done", outcome: { role } };
      if (role !== undefined)
        return {
          state: "refused",
          why: `${text(step, "node")} runs as a ${role}, not as a ${text(step, "role")}.`,
          next: "See `blackstart status`, then make a new plan.",
        };
      if (text(step, "role") === "standby") return (await refusedUnmarked(context, step)) ?? ready;
      const refusal = await refusedBeside(context, step);
      return refusal === undefined ? ready : { state: "refused", why: refusal.missing, next: refusal.provide };
    },
    async do(step) {
      const instance = await neededInstance(context, text(step, "cluster"), text(step, "node"));
      const { standbySignal, pids, state } = await knownState(instance);
      if (text(step, "role") === "primary" && standbySignal)
        throw stepFailed(
          `${text(step, "node")} was not started.`,
          "It is marked as a standby (standby.signal), and would not come up as a primary.",
          "Make a new plan.",
        );
      await assertOwnDirectory(context, { cluster: text(step, "cluster"), node: text(step, "node"), instance });
      await step.assertHeld();
      if (standbySignal && state !== "running") await seeThatItStays(step, instance);
      // Orphans and halted processes of before keep the new server from starting. One that somebody started meanwhile may
      // serve, or replays its WAL: it is waited for.
      if (pids.length > 0 && state !== "running") await instance.kill();
      await startServer(
        context,
        { cluster: text(step, "cluster"), node: text(step, "node"), instance },
        startTimeoutMs,
      );
      return { role: text(step, "role") };
    },
    async verify(step) {
      const asWanted = async () =>
        (await roleOf(context, step, text(step, "node"))) === text(step, "role") ? true : undefined;
      if (await pollUntil(asWanted, { everyMs: 20, timeoutMs: 10_000, signal: step.signal })) return;
      throw stepFailed(
        `${text(step, "node")} runs, and is not seen to be a ${text(step, "role")}.`,
        "It does not answer us, or came up in another role.",
        "See its log.",
      );
    },
  };
}

async function roleOf(
  context: MitigationContext,
  step: StepContext,
  node: string,
): Promise<"primary" | "standby" | undefined> {
  try {
    return await sessions(context).useNew(text(step, "cluster"), node, async (connection) =>
      (await isStandby(connection)) ? "standby" : "primary",
    );
  } catch (error) {
    // Down, or not yet up.
    if (error instanceof BlackstartError) return undefined;
    throw error;
  }
}

const ready: CheckResult = { state: "ready" };

/**
 * A restore may have left what makes a standby promote itself. Where that cannot be read, only one that has run as a
 * standby has shown that it stays one.
 */
async function seeThatItStays(step: StepContext, instance: Instance): Promise<void> {
  const next = await instance.nextStart();
  if (promotesItself(next)) return instance.markStandby();
  const { unread } = next;
  if (unread === undefined) return;
  const why = `${unread.message} ${unread.why}`;
  const doubt = `It is not known whether it would stay a standby: its configuration cannot be read. ${why}`;
  if (!ranAsStandby((await instance.control()).clusterState))
    throw stepFailed(`${text(step, "node")} was not started.`, doubt, unread.next, unread);
  step.progress(`${text(step, "node")} is started as it ran before, as a standby. ${doubt}`);
}

/** A trigger file is set on many a standby, and does nothing before somebody makes that file. */
function promotesItself({ leftovers }: NextStart): boolean {
  return leftovers.some(({ effect, setting }) => effect === "promote" && setting !== "promote_trigger_file");
}

/** Started without its mark it would be a primary, beside another. */
async function refusedUnmarked(context: MitigationContext, step: StepContext): Promise<CheckResult | undefined> {
  const node = text(step, "node");
  const instance = await neededInstance(context, text(step, "cluster"), node);
  if ((await knownState(instance)).standbySignal) return undefined;
  return {
    state: "refused",
    why: `${node} is not marked as a standby any more (standby.signal), and would come up as a primary.`,
    next: "See `blackstart status`, then make a new plan.",
  };
}

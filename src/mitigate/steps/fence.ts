import { BlackstartError, messageOf, whatAndWhy } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { type Instance, isDown, type KnownState, knownState } from "../../drivers/postgres/instance.ts";
import { reachabilityOf } from "../../drivers/postgres/reachability.ts";
import { socketAddressOf } from "../../drivers/service/address.ts";
import { tcpProbe } from "../../drivers/service/tcp.ts";
import type { CheckResult, StepContext, StepHandler } from "../../plan/handler.ts";
import { clusterOf } from "../../system/names.ts";
import type { MitigationContext } from "../context.ts";
import { lookedJustNow } from "../host-look.ts";
import { assertOwnDirectory } from "../own-directory.ts";
import { notedFenced, remainsOf, type Seen, sincePlanned } from "./fenced.ts";
import { stepFailed, text } from "./parameters.ts";
import { type NodeWrites, otherWriters, refusedIfUnknown, whoWrites } from "./roles.ts";
import { declaredNode, endServer } from "./servers.ts";

/**
 * The node takes no more writes, and whoever starts it starts a standby: seen dead by its host and marked as a standby,
 * or cut off by the fence command. Unreachable is not dead.
 */
export function fenceHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.fence",
    async check(step) {
      const [seen, all] = await Promise.all([
        look(context, step, lookedJustNow),
        whoWrites(context, text(step, "cluster"), text(step, "node")),
      ]);
      const refused = outdated(step, all);
      if (refused !== undefined) return refused;
      noteSeen(step, seen);
      // A supervisor may be about to start it again: its stop command has to be given in any case.
      const supervised = declaredNode(context, text(step, "cluster"), text(step, "node")).stop !== undefined;
      if (seen === undefined || !isFenced(seen.state) || supervised) return { state: "ready" };
      return markedAlready(context, step, seen);
    },
    async do(step) {
      const seen = seenJustNow(step) ?? (await look(context, step));
      if (seen !== undefined) return end(context, step, seen);
      const { changed } = await sincePlanned(context, step, undefined);
      if (changed !== undefined) throw leftAlone(step, changed);
      return cutOff(context, step);
    },
    async verify(step, outcome) {
      if (outcome.how === "cut-off") {
        // A command that ends with 0 and cuts nothing off is how two primaries come about.
        const all = await whoWrites(context, text(step, "cluster"), text(step, "node"));
        if (all.every((one) => one.node !== text(step, "node") || one.writes !== "takes")) return notedFenced(step);
        throw notFenced(step, "The fence command ended with 0, and yet it takes writes.");
      }
      const seen = seenJustNow(step) ?? (await look(context, step));
      if (seen !== undefined && isFenced(seen.state)) return notedFenced(step);
      throw notFenced(
        step,
        seen === undefined
          ? "Its host cannot be asked any more."
          : `Its host sees ${seen.state.pids.length} processes.`,
      );
    },
  };
}

/** The world is not the one that the plan was made for: to end this server would do harm. */
function outdated(step: StepContext, all: readonly NodeWrites[]): CheckResult | undefined {
  const node = text(step, "node");
  const { keeps } = step.parameters;
  const next = nextPlan;
  if (typeof keeps !== "string") {
    const primaries = all.filter((one) => one.writes === "takes").map((one) => one.node);
    if (primaries.length > 0) {
      const why = `${primaries.join(" and ")} takes writes; none did when this plan was made.`;
      return { state: "refused", why, next };
    }
    // What would be refused at the promotion must not have cost the old primary before.
    return refusedIfUnknown(otherWriters(all, node).unknown, "what is promoted could be a second primary");
  }
  const kept = all.find((one) => one.node === keeps);
  if (kept?.writes === "takes") return undefined;
  const seen = kept?.writes === "unknown" ? `is not known to take writes (${kept.why})` : "takes no writes";
  const why = `${keeps}, which is to remain the primary, ${seen}; without ${node} there would be none.`;
  return { state: "refused", why, next };
}

/**
 * What was seen of it just now. What follows at once does not ask the host again while clients wait: `do` acts on what
 * `check` saw and looks once more after its mark, and that look is what `verify` goes by.
 */
const lastSeen = new WeakMap<StepContext, Readonly<{ seen: Seen; atMs: number }>>();
/** This process may have been halted since. */
const justNowMs = 1000;

function noteSeen(step: StepContext, seen: Seen | undefined): void {
  if (seen === undefined) lastSeen.delete(step);
  else lastSeen.set(step, { seen, atMs: performance.now() });
}

function seenJustNow(step: StepContext): Seen | undefined {
  const noted = lastSeen.get(step);
  return noted !== undefined && performance.now() - noted.atMs < justNowMs ? noted.seen : undefined;
}

/** Its mark may be that of another plan: this one was made for an outage that is over. */
async function markedAlready(context: MitigationContext, step: StepContext, seen: Seen): Promise<CheckResult> {
  const since = step.parameters.keeps === undefined ? await sincePlanned(context, step, seen) : undefined;
  if (since?.changed !== undefined) return { state: "refused", why: since.changed, next: nextPlan };
  noteSeen(step, since?.seen);
  const control = since?.control ?? (await remainsOf(seen.instance));
  return { state: "done", outcome: { how: "seen-dead", control } };
}

const nextPlan = "Nothing was changed. See `blackstart status`, and make a new plan if one is needed still.";

function isFenced(state: KnownState): boolean {
  return state.pids.length === 0 && (state.standbySignal || state.state === "no-data");
}

/** @param known what may stand for the host's answer */
async function look(
  context: MitigationContext,
  step: StepContext,
  known: (instance: Instance) => KnownState | undefined = () => undefined,
): Promise<Seen | undefined> {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  try {
    const instance = await context.fleet.instance(cluster, node);
    if (instance === undefined) return undefined;
    const state = known(instance) ?? (await knownState(instance));
    if (!isDown(state)) {
      await assertOwnDirectory(context, { cluster, node, instance }, "others");
      return { instance, state };
    }
    if (state.state === "no-data" && clusterOf(context.system, cluster).fence !== undefined) {
      step.progress(`${node} has no data directory that could be marked: it is cut off, should its disk come back.`);
      return undefined;
    }
    const heard = await heardAt(context, cluster, node);
    if (heard === "nothing" || (heard === "silence" && state.state === "down")) return { instance, state };
    // A wrong machine, a misspelt path, a disk that is not mounted: its server may run all the same.
    step.progress(`Nothing runs in ${instance.dataDirectory}, and yet ${node} is not seen to be down at its address.`);
    return undefined;
  } catch (error) {
    // Without its host's word only the fence command is left.
    step.progress(
      `The host of ${node} does not say: ${error instanceof BlackstartError ? whatAndWhy(error) : messageOf(error)}`,
    );
    return undefined;
  }
}

/**
 * `server`: it answers, or takes the connection and hangs, as one does whose postmaster is halted. `nothing`: nobody
 * listens. `silence` says neither.
 */
async function heardAt(
  context: MitigationContext,
  cluster: string,
  node: string,
): Promise<"server" | "nothing" | "silence"> {
  try {
    await (await context.fleet.connect(cluster, node, { timeoutMs: listenMs, queryTimeoutMs: listenMs })).close();
    return "server";
  } catch (error) {
    const { kind } = reachabilityOf(error);
    if (kind === "closed") return "nothing";
    if (kind === "starting" || kind === "refused") return "server";
    if (kind !== "silent") return "silence";
    const { outcome } = await tcpProbe(socketAddressOf(declaredNode(context, cluster, node).url))(listenMs);
    return outcome === "good" ? "server" : "silence";
  }
}

const listenMs = 1000;

const stopTimeoutMs = 5000;

/**
 * Marked first: whatever starts it from then on starts a standby, and only what runs already has to be ended. Between the
 * mark and the end it is seen once more that this is the outage the plan was made for; if not, the mark is taken back.
 */
async function end(context: MitigationContext, step: StepContext, seen: Seen): Promise<JsonObject> {
  const { instance, state: first } = seen;
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  if (first.state !== "no-data") {
    await step.assertHeld();
    try {
      await instance.markStandby();
    } catch (error) {
      return unmarked(context, step, seen, error);
    }
  }
  // Of two primaries the one that is to go takes writes: that is why.
  const since = step.parameters.keeps === undefined ? await sincePlanned(context, step, seen) : undefined;
  if (since?.changed !== undefined) throw leftAlone(step, since.changed, await markLeft(instance, first));
  noteSeen(step, since?.seen);
  const supervised = declaredNode(context, cluster, node).stop !== undefined;
  if (first.pids.length === 0 && !supervised)
    return { how: "seen-dead", was: first.state, control: since?.control ?? (await remainsOf(instance)) };
  noteSeen(step, undefined);
  await endServer(context, step, { cluster, node, instance }, { mode: "kill", timeoutMs: stopTimeoutMs });
  const how = first.pids.length === 0 ? "seen-dead" : "killed";
  return { how, was: first.state, control: await remainsOf(instance) };
}

/** Why the mark is there still, if it is. One that was there before this step is not ours to take. */
async function markLeft(instance: Instance, before: KnownState): Promise<string | undefined> {
  if (before.standbySignal || before.state === "no-data") return undefined;
  try {
    await instance.unmarkStandby();
    return undefined;
  } catch (error) {
    return error instanceof BlackstartError ? whatAndWhy(error) : messageOf(error);
  }
}

function leftAlone(step: StepContext, why: string, markLeftWhy?: string): Error {
  const node = text(step, "node");
  const next = "See `blackstart status`, and make a new plan if one is needed still.";
  return stepFailed(
    `${node} was left alone; nothing was promoted.`,
    why,
    markLeftWhy === undefined
      ? next
      : `Its standby.signal could not be taken back (${markLeftWhy}): remove it, or it starts as a standby next time. ${next}`,
  );
}

/** On a disk that takes no writes any more. Whoever mends it would start a second primary: only the fence command helps. */
async function unmarked(
  context: MitigationContext,
  step: StepContext,
  seen: Seen,
  because: unknown,
): Promise<JsonObject> {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  const { instance } = seen;
  if (clusterOf(context.system, cluster).fence === undefined)
    throw stepFailed(
      `${node} cannot be marked as a standby; it was left as it is, and nothing was promoted.`,
      because instanceof BlackstartError ? `${because.message} ${because.why}` : messageOf(because),
      `${because instanceof BlackstartError ? because.next : "Let its disk take writes again."} Or declare \`fence:\`, a command that cuts ${node} off for good; then make a new plan.`,
      because,
    );
  // The attempt may have taken as long as its disk was stuck.
  const since = step.parameters.keeps === undefined ? await sincePlanned(context, step, seen) : undefined;
  if (since?.changed !== undefined) throw leftAlone(step, since.changed);
  noteSeen(step, undefined);
  step.progress(`${node} cannot be marked as a standby: ${messageOf(because)} It is ended and cut off.`);
  await endServer(context, step, { cluster, node, instance }, { mode: "kill", timeoutMs: stopTimeoutMs });
  return cutOff(context, step);
}

const fenceTimeoutMs = 30_000;

async function cutOff(context: MitigationContext, step: StepContext): Promise<JsonObject> {
  const node = text(step, "node");
  const { fence } = clusterOf(context.system, text(step, "cluster"));
  if (fence === undefined)
    throw notFenced(
      step,
      "Its host cannot be asked or cannot tell, or does not find its data directory (`data:`), and no `fence:` command is declared. Unreachable is not dead.",
    );
  await step.assertHeld();
  const script = `BLACKSTART_NODE=$1; export BLACKSTART_NODE; shift\n${fence}`;
  const { signal } = step;
  const command = { script, args: [node], timeoutMs: fenceTimeoutMs, signal };
  const { code, stderr } = await context.fleet.host("local:").run(command);
  if (code !== 0) throw notFenced(step, `The fence command ended with ${code}: ${stderr.trim().slice(0, 300)}`);
  return { how: "cut-off", control: "" };
}

function notFenced(step: StepContext, why: string): Error {
  const node = text(step, "node");
  return stepFailed(
    `${node} is not fenced; nothing was promoted.`,
    why,
    `Make sure that ${node} is off (its power, its machine), then make a new plan.`,
  );
}

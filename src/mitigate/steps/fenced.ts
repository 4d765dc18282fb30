import { BlackstartError, messageOf } from "../../base/error.ts";
import { type Instance, isDown, type KnownState, known } from "../../drivers/postgres/instance.ts";
import type { CheckResult, StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { rememberedOf } from "../memory.ts";
import { type Outage, otherOutage, outageOf, ranSince } from "../outage.ts";
import { askWrites } from "./ask-writes.ts";
import { text } from "./parameters.ts";

/* Whether the old primary is still what it was when the plan was made, and when it was fenced. */

export type Seen = Readonly<{ instance: Instance; state: KnownState }>;

/**
 * `changed`: why the plan is not for what is seen now: the node takes writes, or another outage began. Undefined: it is.
 * `control`: what was read of its pg_control for that; `seen`: what its host saw for that. Undefined where it was not asked.
 */
export type SincePlanned = Readonly<{
  changed: string | undefined;
  control: string | undefined;
  seen: Seen | undefined;
}>;

/** One that runs is about to be ended: behind a slow network it answers later that it is well again. */
const waitMs = 1500;

/** @param before how it was before it was marked; undefined where its host cannot say */
export async function sincePlanned(
  context: MitigationContext,
  step: StepContext,
  before: Seen | undefined,
): Promise<SincePlanned> {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  const planned = step.parameters.outage as Outage | undefined;
  const [{ writes }, asked] = await Promise.all([
    askWrites(context, { cluster, node, fenced: true, ...(before?.state.state === "running" ? { waitMs } : {}) }),
    planned === undefined ? undefined : outageNow(context, { cluster, node }, before),
  ]);
  const answer = { control: asked?.now.control ?? undefined, seen: asked?.seen };
  if (writes === "takes") return { ...answer, changed: `${node} is back and takes writes.` };
  // One that starts and crashes again and again may be down by now.
  const other =
    planned === undefined || asked === undefined
      ? undefined
      : ((before && otherOutage(planned, outageOf({ instance: before.state }))) ?? otherOutage(planned, asked.now));
  return {
    ...answer,
    changed: other === undefined ? undefined : `${node} is not as it was when this plan was made: ${other}.`,
  };
}

/**
 * Of a server that is down, pg_control tells alone: a start since would have changed it, and without one it ran with what
 * was read of its settings before.
 */
async function outageNow(
  context: MitigationContext,
  { cluster, node }: Readonly<{ cluster: string; node: string }>,
  seen: Seen | undefined,
): Promise<Readonly<{ now: Outage; seen?: Seen }>> {
  const remembered = (await rememberedOf(context.timeline, cluster)).get(node);
  const memory = remembered === undefined ? {} : { remembered };
  if (seen === undefined) return { now: outageOf(memory) };
  const { state: found, identity, disk, configured } = await seen.instance.remains();
  const state = known(seen.instance, found);
  const files = isDown(seen.state) ? disk && { onDisk: disk } : configured && { configured };
  const started = identity.lock && { startedAtMs: identity.lock.startedAtMs };
  return {
    now: outageOf({ instance: state, ...started, ...memory, ...files }),
    seen: { instance: seen.instance, state },
  };
}

/** The runs whose fence was looked at, and when. */
const fencedAtMs = new WeakMap<object, number>();
/** So long nothing is asked again between the steps that follow at once; a plan that is resumed asks. */
const fencedForMs = 3000;

export function notedFenced({ run }: StepContext): void {
  fencedAtMs.set(run, performance.now());
}

/** By this run of the plan, not by one before an interruption. */
export function wasFencedHere({ run }: StepContext): boolean {
  return fencedAtMs.has(run);
}

function wasJustFenced({ run }: StepContext): boolean {
  return performance.now() - (fencedAtMs.get(run) ?? Number.NEGATIVE_INFINITY) < fencedForMs;
}

/** What an outcome records of the fenced server, for later steps; empty where it cannot be read. */
export async function remainsOf(instance: Instance): Promise<string> {
  return (await readable(instance.diskEnd()))?.control ?? "";
}

async function readable<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    // A data directory that cannot be read tells nothing, and nothing is concluded from it.
    if (error instanceof BlackstartError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Refused where the old primary may have taken writes since this plan fenced it: the plan's verdict was made before. */
export async function refusedUnlessFenced(
  context: MitigationContext,
  step: StepContext,
): Promise<CheckResult | undefined> {
  const { old, fenced } = step.parameters;
  if (typeof old !== "string" || typeof fenced !== "string" || wasJustFenced(step)) return undefined;
  const why = fenced === "" ? cutOffBefore(step) : await ranSinceFenced(context, text(step, "cluster"), old, fenced);
  if (why === undefined) return undefined;
  return {
    state: "refused",
    why: `${old} was fenced by this plan, and may have taken writes since: ${why}.`,
    next: "See `blackstart status`, then make a new plan.",
  };
}

/** A command that cut it off leaves nothing that could be looked at later. */
function cutOffBefore(step: StepContext): string | undefined {
  return wasFencedHere(step) ? undefined : "the plan was interrupted, and whether it is cut off still cannot be seen";
}

async function ranSinceFenced(
  { fleet }: MitigationContext,
  cluster: string,
  old: string,
  control: string,
): Promise<string | undefined> {
  try {
    const instance = await fleet.instance(cluster, old);
    if (instance === undefined) return "its host is no longer declared";
    const { state, disk } = await instance.remains();
    const { pids, ...signals } = known(instance, state);
    if (disk === undefined) return "its pg_control cannot be read";
    return ranSince(control, { ...disk, ...signals, runs: pids.length > 0 });
  } catch (error) {
    return `its host does not say (${messageOf(error)})`;
  }
}

import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Instance } from "../../drivers/postgres/instance.ts";
import { knownState } from "../../drivers/postgres/instance.ts";
import type { CheckResult, StepContext } from "../../plan/handler.ts";
import { clusterOf } from "../../system/names.ts";
import type { MitigationContext } from "../context.ts";
import { configuredSynchronous } from "../dead-server.ts";
import { rememberedOf } from "../memory.ts";
import { type Outage, otherOutage, outageOf, ranSince } from "../outage.ts";
import { askWrites } from "./ask-writes.ts";
import { text } from "./parameters.ts";

/* Whether the old primary is still what it was when the plan was made, and when it was fenced. */

/** Why the plan is not for what is seen now: the node takes writes, or another outage began. Undefined: it is. */
export async function changedSincePlanned(
  context: MitigationContext,
  step: StepContext,
  instance: Instance | undefined,
): Promise<string | undefined> {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  const planned = step.parameters.outage as Outage | undefined;
  const [{ writes }, now] = await Promise.all([
    askWrites(context, { cluster, node, fenced: true }),
    planned === undefined ? undefined : outageNow(context, cluster, node, instance),
  ]);
  if (writes === "takes") return `${node} is back and takes writes.`;
  const other = planned === undefined || now === undefined ? undefined : otherOutage(planned, now);
  return other === undefined ? undefined : `${node} is not as it was when this plan was made: ${other}.`;
}

async function outageNow(
  context: MitigationContext,
  cluster: string,
  node: string,
  instance: Instance | undefined,
): Promise<Outage> {
  const remembered = (await rememberedOf(context.timeline, cluster)).get(node);
  const memory = remembered === undefined ? {} : { remembered };
  if (instance === undefined) return outageOf(memory);
  const host = context.fleet.host(clusterOf(context.system, cluster).nodes[node]?.host ?? "local:");
  const [state, onDisk, configured] = await Promise.all([
    knownState(instance),
    readable(instance.diskEnd()),
    configuredSynchronous(host, instance.dataDirectory, remembered?.configFile),
  ]);
  return outageOf({ instance: state, ...memory, ...(onDisk && { onDisk }), ...(configured && { configured }) });
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
  if (typeof old !== "string" || typeof fenced !== "string" || fenced === "") return undefined;
  const why = await ranSinceFenced(context, text(step, "cluster"), old, fenced);
  if (why === undefined) return undefined;
  return {
    state: "refused",
    why: `${old} was fenced by this plan, and may have taken writes since: ${why}.`,
    next: "See `blackstart status`, then make a new plan.",
  };
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
    const [{ standbySignal }, disk] = await Promise.all([instance.inspect(), instance.diskEnd()]);
    return ranSince(control, { ...disk, standbySignal });
  } catch (error) {
    return `its host does not say (${messageOf(error)})`;
  }
}

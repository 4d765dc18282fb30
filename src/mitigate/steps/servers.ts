import { type BlackstartError, messageOf } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { addressOf, type Conninfo, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { ledAstrayBy, ledAstrayByUrl } from "../../drivers/postgres/endpoints.ts";
import { type Instance, isStartedAgain, type KnownState, knownState } from "../../drivers/postgres/instance.ts";
import { removeZombieLock } from "../../drivers/postgres/instance/zombie-lock.ts";
import type { StepContext } from "../../plan/handler.ts";
import { clusterOf, nodeOf } from "../../system/names.ts";
import type { Node } from "../../system/schema.ts";
import type { MitigationContext } from "../context.ts";
import { assertOwnDirectory } from "../own-directory.ts";
import { type Sessions, sessionsOf } from "../sessions.ts";
import { stepFailed } from "./parameters.ts";

/* What several handlers do with a server. */

export function declaredNode(context: MitigationContext, cluster: string, node: string): Node {
  return nodeOf(context.system, cluster, node);
}

export function sessions(context: MitigationContext): Sessions {
  return sessionsOf(context.fleet);
}

/** The server as its host sees it; a step that needs it fails where there is none. */
export async function neededInstance(context: MitigationContext, cluster: string, node: string): Promise<Instance> {
  const instance = await context.fleet.instance(cluster, node);
  if (instance !== undefined) return instance;
  throw stepFailed(
    `${node} cannot be reached through its host. Nothing was done to it.`,
    "No `host:` is declared for it, or its data directory is not known.",
    `Declare \`host:\` and \`data:\` for ${node} in the system file, then make a new plan.`,
  );
}

/** Where another node replicates from this one. Fails where that would lead the other to itself. */
export function replicationAddress(
  context: MitigationContext,
  cluster: string,
  node: string,
  from: string,
): { host: string; port: number } {
  const fromUrl = addressOf(declaredNode(context, cluster, node).url);
  if (ledAstrayBy(node, clusterOf(context.system, cluster).nodes).includes(from))
    throw stepFailed(
      `${from} is not aimed at ${node}.`,
      `${fromUrl.host}:${fromUrl.port}, the \`url\` of ${node}, would lead ${from} to itself: it is an address of the machine of ${node} alone.`,
      `Declare \`replication:\` for ${node}, with the host and port at which ${from} reaches it.`,
    );
  const declared = declaredNode(context, cluster, node);
  if (declared.replication === undefined) return fromUrl;
  const conninfo: Conninfo = parseConninfo(declared.replication);
  return { host: conninfo.host ?? conninfo.hostaddr ?? fromUrl.host, port: Number(conninfo.port ?? fromUrl.port) };
}

/** Where pg_rewind on another node reaches this one, if not by its url. */
export function rewindAddress(
  context: MitigationContext,
  cluster: string,
  node: string,
  from: string,
): { host: string; port: number } | undefined {
  const isAstray = ledAstrayByUrl(node, clusterOf(context.system, cluster).nodes).includes(from);
  return isAstray ? replicationAddress(context, cluster, node, from) : undefined;
}

export async function isStandby(connection: Connection): Promise<boolean> {
  const rows = await connection.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
  return rows[0]?.standby === true;
}

/** ALTER SYSTEM and reload; the value is in force in new sessions when it returns. */
export async function alterSystem(
  connection: Connection,
  name: "synchronous_standby_names" | "primary_conninfo",
  value: string,
): Promise<void> {
  await connection.query(`alter system set ${name} = '${value.replaceAll("'", "''")}'`);
  await connection.query("select pg_reload_conf()");
}

/** One server of one cluster, with what its host sees of it. */
type Place = Readonly<{ cluster: string; node: string; instance: Instance }>;

/**
 * Ends a server: in order first, by force if that does not end it. A stop command that is declared is used first, so
 * that its supervisor knows that it is meant to be down and does not start it again. What was started
 * again all the same, after it had ended in order, is left alone: it may serve clients.
 * @param options.isOther whether what runs is not what was to be ended; it is left alone then, in either mode
 */
export async function endServer(
  context: MitigationContext,
  step: StepContext,
  place: Place,
  options: Readonly<{ mode: "fast" | "kill"; timeoutMs: number; isOther?: (now: KnownState) => boolean }>,
): Promise<"stopped" | "killed" | "started again"> {
  await assertOwnDirectory(context, place, options.mode === "kill" ? "others" : "all");
  const declared = declaredNode(context, place.cluster, place.node);
  const told = await knownState(place.instance);
  if (told.pids.length > 0 && options.isOther?.(told)) return "started again";
  if (declared.stop !== undefined) await runStop(context, step, place.node, declared, options.timeoutMs);
  let state = declared.stop === undefined ? told : await knownState(place.instance);
  if (state.pids.length > 0 && options.mode === "fast" && state.state === "running" && declared.stop === undefined) {
    await step.assertHeld();
    const failed = await place.instance.stop("fast", options.timeoutMs).catch((error: unknown) => error);
    state = await knownState(place.instance);
    if (state.pids.length > 0 && !isStartedAgain(told, state))
      step.progress(`${place.node} did not stop in order (${messageOf(failed)}); it is killed.`);
  }
  if (state.pids.length === 0) return "stopped";
  const spares = options.mode === "fast" || options.isOther !== undefined;
  if (spares && isStartedAgain(told, state)) return "started again";
  await step.assertHeld();
  await place.instance.kill();
  const gone = await pollUntil(async () => ((await knownState(place.instance)).pids.length === 0 ? true : undefined), {
    everyMs: 20,
    timeoutMs: 5000,
    signal: step.signal,
  });
  if (gone) return "killed";
  throw stepFailed(
    `Processes of ${place.node} are still there after SIGKILL.`,
    "They wait in the kernel (a dead disk or network file system), or something starts them again.",
    `Look at the machine of ${place.node}; cut its power if need be.`,
  );
}

/** @param left in what state things are left */
export function startedAgain(node: string, left: string, cause?: unknown): BlackstartError {
  return stepFailed(
    `${node} was stopped in order, and something started it again at once. ${left}`,
    "A supervisor that restarts whatever ends (docker, runit, systemd) is not told that the server is meant to be down.",
    `Declare \`stop:\` and \`start:\` for ${node}, so that its supervisor is asked; then make a new plan.`,
    cause,
  );
}

/** Bounded, and its failure is no end: what is left of the server afterwards is killed. */
async function runStop(
  context: MitigationContext,
  step: StepContext,
  node: string,
  declared: Node,
  timeoutMs: number,
): Promise<void> {
  await step.assertHeld();
  try {
    const host = context.fleet.host(declared.host ?? "local:");
    const { code, stderr } = await host.run({ script: declared.stop ?? "true", timeoutMs });
    if (code !== 0) step.progress(`The stop command of ${node} ended with ${code}: ${stderr.trim().slice(0, 200)}`);
  } catch (error) {
    step.progress(`The stop command of ${node} did not end in time: ${messageOf(error)}`);
  }
}

/** See `removeZombieLock`. */
export async function forgetZombie(context: MitigationContext, place: Place): Promise<void> {
  const { dataDirectory } = place.instance;
  const host = context.fleet.host(declaredNode(context, place.cluster, place.node).host ?? "local:");
  await host.run({ script: removeZombieLock, args: [dataDirectory], as: dataDirectory, timeoutMs: 5000 });
}

export async function startServer(
  context: MitigationContext,
  place: Place,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  await assertOwnDirectory(context, place);
  await forgetZombie(context, place);
  await place.instance.start(timeoutMs, signal);
}

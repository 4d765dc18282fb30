import { isCode, messageOf } from "../../base/error.ts";
import { aimedAt, type Conninfo, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { listProcesses, signalProcesses } from "../../drivers/postgres/instance/processes.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { nowhere } from "../source.ts";
import { texts, text } from "./parameters.ts";
import { setPrimaryConninfo } from "./primary-conninfo.ts";
import { fencedBy } from "./roles.ts";
import { declaredNode, neededInstance, replicationAddress, sessions } from "./servers.ts";
import { upstreamFor } from "./upstream.ts";

/* The receivers of the candidates of an election are stopped by aiming them at nowhere, and aimed back if it elects nobody. */

/** How each candidate whose receiver was stopped was to stream. */
export type Aimed = Map<string, Conninfo>;

type Place = Readonly<{ cluster: string; node: string; connection: Connection }>;

/**
 * Where it cannot be aimed elsewhere (ALTER SYSTEM is off, the command line sets primary_conninfo, a configuration file has
 * a broken line), it is ended: it comes back by itself, and the fence keeps it from the old primary.
 */
export async function stopReceiver<T>(
  context: MitigationContext,
  step: StepContext,
  place: Place,
  how: Readonly<{ aimed: Aimed; hasStopped: () => Promise<T | undefined> }>,
): Promise<T | undefined> {
  const { aimed, hasStopped } = how;
  let why = "it does not take its new primary_conninfo";
  try {
    await aimAtNowhere(context, step, place, aimed);
    const stopped = await hasStopped();
    if (stopped !== undefined) return stopped;
  } catch (error) {
    if (!isCode(error, "QUERY_FAILED")) throw error;
    aimed.delete(place.node);
    why = messageOf(error);
  }
  step.progress(`${place.node} cannot be aimed elsewhere (${why}); its receiver is ended.`);
  await step.assertHeld();
  try {
    await endReceiver(context, place);
  } catch (error) {
    throw new Error(`its receiver cannot be stopped: ${why}; ${messageOf(error)}`, { cause: error });
  }
  return hasStopped();
}

/** Through its host: pg_terminate_backend ends sessions, and a receiver is none. */
async function endReceiver(context: MitigationContext, { cluster, node }: Place): Promise<void> {
  const { dataDirectory } = await neededInstance(context, cluster, node);
  const host = context.fleet.host(declaredNode(context, cluster, node).host ?? "local:");
  const processes = await listProcesses(host, dataDirectory);
  await signalProcesses(
    host,
    processes.filter(({ title }) => /^postgres: .*walreceiver/.test(title)),
    "TERM",
  );
}

/** User, password and name stay in the setting: `follow` only puts the new address in. */
async function aimAtNowhere(context: MitigationContext, step: StepContext, place: Place, aimed: Aimed): Promise<void> {
  const before = await conninfoOf(place.connection);
  // Set by an earlier run: not where it streamed from before.
  if (!isAtNowhere(before)) aimed.set(place.node, before);
  await setPrimaryConninfo(context, step, place, aimedAt(before, nowhere));
}

/** Nobody was elected: if the old primary is started again, its standbys must find it. */
export async function aimBack(context: MitigationContext, step: StepContext, aimed: Aimed): Promise<void> {
  const cluster = text(step, "cluster");
  const back = async (node: string) => {
    let isAway = aimed.has(node);
    try {
      await sessions(context).use(cluster, node, async (connection) => {
        const place = { cluster, node, connection };
        const now = await conninfoOf(connection);
        isAway ||= isAtNowhere(now);
        if (!isAway) return;
        const before = aimed.get(node) ?? (await asBefore(context, step, node, now));
        await step.assertHeld();
        await setPrimaryConninfo(context, step, place, before);
      });
    } catch (error) {
      if (isAway)
        step.progress(
          `${node} streams from nowhere now, and could not be led back (${messageOf(error)}): \`blackstart mitigate rejoin ${cluster}/${node}\`, once there is a primary.`,
        );
    }
  };
  await Promise.all(texts(step, "candidates").map(back));
}

/** For a standby that a killed run left aimed at nowhere: the old primary, or its upstream in a cascade. */
async function asBefore(context: MitigationContext, step: StepContext, node: string, now: Conninfo): Promise<Conninfo> {
  const cluster = text(step, "cluster");
  const old = fencedBy(step);
  if (old === undefined) throw new Error("from where it streamed is not known any more");
  const upstream = await upstreamFor(context, cluster, node, old);
  return aimedAt(now, replicationAddress(context, cluster, upstream, node));
}

async function conninfoOf(connection: Connection): Promise<Conninfo> {
  const [row] = await connection.query<{ conninfo: string }>("select current_setting('primary_conninfo') as conninfo");
  return parseConninfo(row?.conninfo ?? "");
}

function isAtNowhere({ host, port }: Conninfo): boolean {
  return host === nowhere.host && port === String(nowhere.port);
}

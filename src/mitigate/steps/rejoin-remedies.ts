import { BlackstartError } from "../../base/error.ts";
import { delay } from "../../base/time.ts";
import { type Conninfo, formatConninfo } from "../../drivers/postgres/conninfo.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { FollowReason } from "../../drivers/postgres/follow-reason.ts";
import { type Instance, knownState, type WorkLimit } from "../../drivers/postgres/instance.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import type { Remedy } from "../rejoin-decision.ts";
import { tellingMeanwhile } from "./long-work.ts";
import { stepFailed, text } from "./parameters.ts";
import { setPrimaryConninfo } from "./primary-conninfo.ts";
import { refusalOf } from "./rejoin-situation.ts";
import { correctedConninfo, isSameConninfo, loginOf, pairOf, settingOf } from "./replication-conninfo.ts";
import { provideSlot } from "./slot.ts";
import {
  declaredNode,
  endServer,
  forgetZombie,
  rewindAddress,
  sessions,
  startedAgain,
  startServer,
} from "./servers.ts";
import { upstreamFor } from "./upstream.ts";

const stopTimeoutMs = 15_000;
/** Each file is looked at. */
const sizeTimeoutMs = 60_000;
const startTimeoutMs = 60_000;
/** What was written during a long copy is replayed before the server takes connections. */
const replayTimeoutMs = 60 * 60_000;

/** What every remedy works on. */
export type Rejoining = Readonly<{
  context: MitigationContext;
  step: StepContext;
  instance: Instance;
  limit: () => WorkLimit;
}>;

/** Carries out one remedy. Whether the node follows then is for the next look. */
export async function carryOut(
  rejoining: Rejoining,
  remedy: Remedy,
  reason: FollowReason["kind"] | undefined,
): Promise<void> {
  const { step, instance, limit } = rejoining;
  await step.assertHeld();
  switch (remedy) {
    case "aim":
      return aim(rejoining, reason);
    case "start":
      return startAsStandby(rejoining, await conninfo(rejoining), startTimeoutMs);
    case "rewind": {
      const leading = await conninfo(rejoining);
      await end(rejoining);
      await rewind(rejoining.context, step, instance, limit);
      return startAsStandby(rejoining, leading, Math.min(replayTimeoutMs, limit().timeoutMs));
    }
    case "clone": {
      const leading = await conninfo(rejoining);
      await end(rejoining);
      await clone(rejoining.context, step, instance, leading, limit);
      // Nobody has read by its slot while all was copied: it may have lost its WAL (max_slot_wal_keep_size).
      await provideOwnSlot(rejoining);
      return startAsStandby(rejoining, leading, Math.min(replayTimeoutMs, limit().timeoutMs));
    }
  }
}

async function provideOwnSlot({ context, step, instance }: Rejoining): Promise<void> {
  const { cluster, node, primary } = pairOf(step);
  const upstream = await upstreamFor(context, cluster, node, primary);
  await provideSlot(context, step, { node, upstream, slot: await settingOf(instance, "primary_slot_name") });
}

/**
 * Before a server is stopped: throws NOT_POSSIBLE_NOW where what the remedy writes has no room.
 * @param keeps what it alone holds is kept before
 */
export async function assertRoomFor(
  { context, step, instance }: Rejoining,
  remedy: Remedy,
  keeps: boolean,
): Promise<void> {
  if (keeps) {
    // What is kept is known for sure only once it was stopped: here it is as if in order.
    const rewinds = (await instance.lacksForRewind()) === undefined;
    await instance.assertRoomToKeep(rewinds ? "everything" : "wal");
  }
  const bytes = remedy === "clone" ? await sizeOfPrimary(context, step) : undefined;
  if (bytes !== undefined) await instance.assertRoomToClone(bytes);
}

/** Without tablespaces of its own, which lie elsewhere. Undefined: our role may not ask for it. */
async function sizeOfPrimary(context: MitigationContext, step: StepContext): Promise<number | undefined> {
  const query = "select (pg_tablespace_size('pg_default') + pg_tablespace_size('pg_global'))::float8 as bytes";
  try {
    return await sessions(context).use(text(step, "cluster"), text(step, "primary"), async (connection) => {
      const [row] = await connection.query<{ bytes: number }>(query, [], { timeoutMs: sizeTimeoutMs });
      return row?.bytes;
    });
  } catch (error) {
    if (error instanceof BlackstartError && error.code === "QUERY_FAILED") return undefined;
    throw error;
  }
}

/** What it alone holds, before it is taken off it; it is stopped for that. */
export async function keepOwn(rejoining: Rejoining): Promise<string> {
  const { step, instance, limit } = rejoining;
  await end(rejoining);
  await step.assertHeld();
  // A clone moves the old directory aside as a whole; a rewind changes it in place, so all of it is kept.
  const what = (await instance.canRewind()) ? "everything" : "wal";
  const copy = () => instance.keep(step.planId, what, limit());
  return (await tellingMeanwhile(step, `${text(step, "node")}: keeping ${what}`, copy)).directory;
}

/**
 * A server that was stopped for a remedy that did not work runs again as it did before. One that has diverged knows the
 * primary's timeline by now, and refuses to start for it: it stays on its own.
 * @param diverged it holds WAL that the primary never wrote
 */
export async function runAgain({ context, step, instance }: Rejoining, diverged: boolean): Promise<void> {
  if ((await knownState(instance)).pids.length > 0) return;
  await step.assertHeld();
  if (diverged) await instance.writeSettings({ recovery_target_timeline: "current" });
  await startServer(context, placeOf(step, instance), startTimeoutMs, step.signal);
}

async function end({ context, step, instance }: Rejoining): Promise<void> {
  const place = placeOf(step, instance);
  if ((await knownState(instance)).pids.length > 0) {
    const how = await endServer(context, step, place, { mode: "fast", timeoutMs: stopTimeoutMs });
    if (how === "started again") throw startedAgain(place.node, "It was left alone.");
  }
  await forgetZombie(context, place);
}

function placeOf(step: StepContext, instance: Instance) {
  return { cluster: text(step, "cluster"), node: text(step, "node"), instance };
}

async function conninfo({ context, step, instance }: Rejoining): Promise<Conninfo> {
  return (await loginOf(context, pairOf(step), instance)).conninfo;
}

async function startAsStandby(rejoining: Rejoining, leading: Conninfo, timeoutMs: number): Promise<void> {
  const { step, instance } = rejoining;
  await end(rejoining);
  await step.assertHeld();
  await instance.markStandby();
  // What is right already is left to the file that says it.
  const isSame = isSameConninfo(leading, await settingOf(instance, "primary_conninfo"));
  const aimed: Record<string, string> = isSame ? {} : { primary_conninfo: formatConninfo(leading) };
  await instance.writeSettings({ ...aimed, recovery_target_timeline: "latest" });
  await startUnlessRefused(rejoining, timeoutMs);
}

const askEveryMs = 5000;
const refusalsMax = 3;

/** What was made anew starts only once it has fetched the rest: where it is not let in for that, it would wait for ever. */
async function startUnlessRefused(rejoining: Rejoining, timeoutMs: number): Promise<void> {
  const { context, step, instance } = rejoining;
  const over = new AbortController();
  const signal = AbortSignal.any([step.signal, over.signal]);
  const watch = async () => {
    for (let refusals = 0; refusals < refusalsMax; ) {
      await delay(askEveryMs, signal);
      const refused = await refusalOf(rejoining);
      refusals = refused === undefined ? 0 : refusals + 1;
      if (refused === undefined || refusals < refusalsMax) continue;
      const what = `${text(step, "node")} waits for WAL that it cannot fetch; it is left starting.`;
      over.abort(stepFailed(what, refused.said, "Let it in, and it goes on by itself."));
    }
  };
  // It is over when the start is; a question that fails ends nothing.
  const watching = watch().catch(() => undefined);
  try {
    await startServer(context, placeOf(step, instance), timeoutMs, signal);
  } finally {
    over.abort();
    await watching;
  }
}

/** A reload, and nothing else. What is right already is left alone. */
async function aim(rejoining: Rejoining, reason: FollowReason["kind"] | undefined): Promise<void> {
  const { context, step, instance } = rejoining;
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  await sessions(context).use(cluster, node, async (connection) => {
    const rows = await connection.query<{ value: string }>("select current_setting('primary_conninfo') as value");
    const corrected = await correctedConninfo(context, step, instance, rows[0]?.value ?? "", reason);
    if (corrected !== undefined) await setPrimaryConninfo(context, step, { cluster, node, connection }, corrected);
  });
}

async function rewind(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  limit: () => WorkLimit,
): Promise<void> {
  const { cluster, node, primary } = pairOf(step);
  const { url } = declaredNode(context, cluster, primary);
  const address = rewindAddress(context, cluster, primary, node);
  await tellingMeanwhile(step, `${node}: rewinding`, () => instance.rewind(url, limit(), address));
}

async function clone(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  conninfo: Conninfo,
  limit: () => WorkLimit,
): Promise<void> {
  const [cluster, primary] = [text(step, "cluster"), text(step, "primary")];
  const source = await context.fleet.instance(cluster, primary);
  if (source === undefined) throw new Error(`${primary} cannot be reached through its host, so it cannot be copied`);
  const { url } = declaredNode(context, cluster, primary);
  const copy = () => instance.clone({ url, replication: formatConninfo(conninfo), instance: source }, limit());
  const reached = () => sessions(context).use(cluster, primary, (connection) => copiedOf(connection));
  await tellingMeanwhile(step, `${text(step, "node")}: copying from ${primary}`, copy, reached);
}

/** As far as pg_basebackup's sender has come; another way of copying, or a server before 13, tells nothing. */
async function copiedOf(connection: Connection): Promise<string | undefined> {
  const mebibytes = (column: string) => `round(${column} / 1048576.0)::text`;
  const rows = await connection.query<{ done: string; of: string | null }>(
    `select ${mebibytes("backup_streamed")} as done, ${mebibytes("backup_total")} as of from pg_stat_progress_basebackup`,
  );
  const [row] = rows;
  if (rows.length !== 1 || row === undefined) return undefined;
  return `${row.done} MiB${row.of === null ? "" : ` of ${row.of}`}`;
}

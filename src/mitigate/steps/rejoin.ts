import { BlackstartError, messageOf, whatAndWhy } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { aimedAt, type Conninfo, formatConninfo, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import { type Connection, credentialsOf } from "../../drivers/postgres/connection.ts";
import { type Following, followingText, keepsUp } from "../../drivers/postgres/following.ts";
import { type Instance, type KnownState, knownState, type WorkLimit } from "../../drivers/postgres/instance.ts";
import { nameAsStandby } from "../../drivers/postgres/names.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { explained, followingOf } from "../following.ts";
import { limitOf, stoppedHalfWay, tellingMeanwhile } from "./long-work.ts";
import { stepFailed, text } from "./parameters.ts";
import {
  declaredNode,
  endServer,
  forgetZombie,
  isStandby,
  neededInstance,
  replicationAddress,
  sessions,
  startServer,
} from "./servers.ts";
import { provideSlot, withdrawSlot } from "./slot.ts";

const startTimeoutMs = 60_000;
const streamTimeoutMs = 10_000;
/** One that follows already shows it at once. */
const soonMs = 500;
/** What was written during a long copy is replayed before the server takes connections. */
const replayTimeoutMs = 60 * 60_000;

/**
 * A server comes back as a standby that streams from the primary. Three ways, the gentlest first:
 *
 *   as it was ─(it does not stream)─► rewound ─(not possible, or interrupted)─► cloned
 *
 * What it holds is kept before it is rewound or cloned. A rewind or a clone that was interrupted leaves a directory that
 * does not start; the next attempt does it again.
 */
export function rejoinHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.rejoin",
    async check(step) {
      if (text(step, "node") === text(step, "primary")) return { state: "done", outcome: { how: "it is the primary" } };
      const one = await followingNow(context, step, soonMs);
      return one !== undefined && keepsUp(one) ? { state: "done", outcome: { how: one.kind } } : { state: "ready" };
    },
    do: (step) => rejoin(context, step),
    async verify(step) {
      if (text(step, "node") === text(step, "primary")) return;
      const one = await followingNow(context, step, streamTimeoutMs);
      if (one !== undefined && keepsUp(one)) return;
      throw notBack(step, one === undefined ? "It does not answer." : `It ${followingText(one)}.`);
    },
  };
}

/** Undefined: it is down, or starting. */
async function followingNow(
  context: MitigationContext,
  step: StepContext,
  timeoutMs: number,
): Promise<Following | undefined> {
  const pair = { cluster: text(step, "cluster"), node: text(step, "node"), primary: text(step, "primary") };
  try {
    return await followingOf(context, pair, { timeoutMs, signal: step.signal });
  } catch (error) {
    if (error instanceof BlackstartError && !step.signal.aborted) return undefined;
    throw error;
  }
}

type Way = "as it was" | "rewound" | "cloned";

async function rejoin(context: MitigationContext, step: StepContext): Promise<JsonObject> {
  const [cluster, node, primary] = [text(step, "cluster"), text(step, "node"), text(step, "primary")];
  const instance = await neededInstance(context, cluster, node);
  await sessions(context).use(cluster, primary, async (connection) => {
    if (await isStandby(connection)) throw notBack(step, `${primary} is no primary; there is none to follow.`);
  });
  const before = await knownState(instance);
  const slot = before.state === "no-data" ? "" : await settingOf(instance, "primary_slot_name");
  const slotMade = await provideSlot(context, step, node, slot);
  try {
    const outcome = await comeBack(context, step, instance, before);
    return { ...outcome, ...(slotMade ? { slotMade: slot } : {}) };
  } catch (error) {
    if (slotMade) await withdrawSlot(context, step, slot);
    throw error;
  }
}

/** Not known where its settings cannot be read; a start then fails for the same reason, and says so. */
async function settingOf(instance: Instance, name: string): Promise<string> {
  try {
    return await instance.setting(name);
  } catch (error) {
    if (error instanceof BlackstartError) return "";
    throw error;
  }
}

async function comeBack(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  before: KnownState,
): Promise<JsonObject> {
  const limit = limitOf(step);
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  await end(context, step, instance, before);
  await forgetZombie(context, { cluster, node, instance });
  let kept: string | undefined;
  const problems: string[] = [];
  const ways = await waysOf(instance, before);
  for (const way of ways) {
    if (way === "cloned" && !ways.includes("rewound")) problems.push(cannotRewind);
    const because = problems.join("; ");
    try {
      step.progress(`${node}: ${wayText(way)}${because === "" ? "" : `, because: ${because}`}`);
      if (way !== "as it was" && before.state !== "no-data") kept ??= (await keep(instance, step, limit)).directory;
      await tryWay(context, step, instance, way, limit);
      return {
        how: way,
        ...(kept === undefined ? {} : { kept }),
        ...(because === "" ? {} : { because }),
      };
    } catch (error) {
      if (step.signal.aborted) throw stoppedHalfWay(step, `${node} is not back as a standby; it takes no writes`);
      problems.push(`${way}: ${reasonOf(error)}`);
      await endServer(context, step, { cluster, node, instance }, { mode: "kill", timeoutMs: 5000 });
    }
  }
  throw notBack(step, `${problems.join("; ")}.`);
}

/** A crashed primary cannot simply follow: its log has an end of its own. */
async function waysOf(instance: Instance, before: KnownState): Promise<readonly Way[]> {
  if (before.state === "no-data") return ["cloned"];
  const { clusterState } = await instance.control();
  const mayFollow = clusterState === "shut down" || clusterState.includes("recovery");
  const rewinds = await instance.canRewind();
  return [...(mayFollow ? ["as it was" as const] : []), ...(rewinds ? ["rewound" as const] : []), "cloned"];
}

const cannotRewind =
  "rewound: not possible: there is no data directory, the host has no pg_rewind of its version, or it has neither data checksums nor wal_log_hints";

function reasonOf(error: unknown): string {
  const reason = error instanceof BlackstartError ? whatAndWhy(error) : messageOf(error);
  return reason.replace(/\.$/, "").replace(/\s*\n\s*/g, " / ");
}

function wayText(way: Way): string {
  switch (way) {
    case "as it was":
      return "started as it is, as a standby";
    case "rewound":
      return "rewound to where the new primary branched off";
    case "cloned":
      return "made anew from the primary; the old data directory is moved aside";
  }
}

async function tryWay(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  way: Way,
  limit: () => WorkLimit,
): Promise<void> {
  const conninfo = await conninfoOf(context, step, instance);
  await step.assertHeld();
  if (way === "rewound") await rewind(context, step, instance, limit);
  if (way === "cloned") await clone(context, step, instance, conninfo, limit);
  await step.assertHeld();
  await instance.markStandby();
  await instance.writeSettings({ primary_conninfo: formatConninfo(conninfo), recovery_target_timeline: "latest" });
  const startMs = way === "as it was" ? startTimeoutMs : Math.min(replayTimeoutMs, limit().timeoutMs);
  const place = { cluster: text(step, "cluster"), node: text(step, "node"), instance };
  await startServer(context, place, startMs, step.signal);
  const one = (await followingNow(context, step, streamTimeoutMs)) ?? { kind: "not-connected" };
  if (!keepsUp(one)) throw new Error(`it ${(await explained(one, instance)).text}`);
}

async function rewind(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  limit: () => WorkLimit,
): Promise<void> {
  const { url } = declaredNode(context, text(step, "cluster"), text(step, "primary"));
  await tellingMeanwhile(step, `${text(step, "node")}: rewinding`, () => instance.rewind(url, limit()));
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
  if (source === undefined)
    throw notBack(step, `${primary} cannot be reached through its host, so it cannot be copied.`);
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

async function end(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  state: KnownState,
): Promise<void> {
  if (state.pids.length === 0) return;
  const place = { cluster: text(step, "cluster"), node: text(step, "node"), instance };
  await endServer(context, step, place, { mode: "fast", timeoutMs: 15_000 });
}

async function keep(instance: Instance, step: StepContext, limit: () => WorkLimit): Promise<{ directory: string }> {
  await step.assertHeld();
  const what = (await instance.canRewind()) ? "everything" : "wal";
  const copy = () => instance.keep(step.planId, what, limit());
  return tellingMeanwhile(step, `${text(step, "node")}: keeping ${what}`, copy);
}

/**
 * How it replicates from the primary: as declared; else as the primary itself did while it was a standby; else by the
 * url. A password that this does not tell is that of the same user in one of the others, or by which we came in.
 */
async function conninfoOf(context: MitigationContext, step: StepContext, instance: Instance): Promise<Conninfo> {
  const [cluster, node, primary] = [text(step, "cluster"), text(step, "node"), text(step, "primary")];
  const declared = declaredNode(context, cluster, primary);
  const { left, credentials } = await sessions(context).use(cluster, primary, async (connection) => {
    const rows = await connection.query<{ value: string }>("select current_setting('primary_conninfo') as value");
    return { left: rows[0]?.value ?? "", credentials: credentialsOf(connection) };
  });
  const [before, clusterName] = [
    await settingOf(instance, "primary_conninfo"),
    await settingOf(instance, "cluster_name"),
  ];
  const base = parseConninfo(declared.replication ?? (left === "" ? declared.url : left));
  const { dbname: _dbname, ...kept } = withPassword(base, [parseConninfo(before), parseConninfo(left), credentials]);
  const name = nameAsStandby(node, { primaryConninfo: before, clusterName }, [
    { primaryConninfo: left, clusterName: "" },
  ]);
  return { ...aimedAt(kept, replicationAddress(context, cluster, primary)), application_name: name };
}

function withPassword(base: Conninfo, others: readonly Conninfo[]): Conninfo {
  const user = base.user ?? others.at(-1)?.user;
  const named: Conninfo = { ...base, ...(user === undefined ? {} : { user }) };
  const tells = (one: Conninfo) => one.password !== undefined || one.passfile !== undefined;
  const other = tells(named) ? undefined : others.find((one) => one.user === user && tells(one));
  const { password, passfile } = other ?? {};
  return { ...named, ...(passfile === undefined ? {} : { passfile }), ...(password === undefined ? {} : { password }) };
}

function notBack(step: StepContext, why: string): BlackstartError {
  const node = text(step, "node");
  return stepFailed(
    `${node} is not back as a standby. It is stopped or does not follow; it takes no writes, and the service does not depend on it.`,
    why,
    `See its log, then \`blackstart mitigate rejoin\` for ${node}.`,
  );
}

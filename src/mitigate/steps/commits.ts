import { messageOf } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { Lsn } from "../../drivers/postgres/lsn.ts";
import {
  formatSynchronousNames,
  isAsRecorded,
  isSameSetting,
  isSynchronousName,
  parseSynchronousNames,
} from "../../drivers/postgres/synchronous-names.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { stepFailed } from "./parameters.ts";
import { type PromiseChange, recordedPromise, recordPromise } from "./record-promise.ts";
import { alterSystem, isStandby } from "./servers.ts";

/* No step may leave writes hanging: whatever commits wait for has to be there, or is not waited for. */

const reloadTimeoutMs = 3000;
/** A standby that streams counts as soon as its sender has read the new setting. */
const confirmTimeoutMs = 3000;
const pollMs = 5;
const replayPollMs = 50;

export async function synchronousSetting(connection: Connection): Promise<string> {
  const rows = await connection.query<{ value: string }>(
    "select current_setting('synchronous_standby_names') as value",
  );
  return rows[0]?.value ?? "";
}

/** The names of those that stream from this server now, and confirm. */
export async function streamingFrom(connection: Connection): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string }>(
    "select application_name as name from pg_stat_replication where state = 'streaming' and flush_lsn is not null",
  );
  return rows.map(({ name }) => name);
}

/** Sets it, and sees that it is in force. */
export async function setSynchronous(step: StepContext, connection: Connection, setting: string): Promise<void> {
  await step.assertHeld();
  await alterSystem(connection, "synchronous_standby_names", setting);
  await mustTake(step, connection, setting);
}

/**
 * Changes for whom commits on a primary wait. It is on record before it is done: should this process end in between, later
 * plans know by what the primary may have acknowledged. What cannot be recorded is not done.
 */
export async function changePromise(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  change: PromiseChange,
): Promise<void> {
  const node = placeOf(step);
  await step.assertHeld();
  try {
    await recordPromise(context, step, node, { ...change, isPending: true });
  } catch (error) {
    throw stepFailed(
      `synchronous_standby_names on ${node} is left at '${change.from}': that it becomes '${change.to}' cannot be recorded.`,
      messageOf(error),
      "See to it that the timeline can be written (`$BLACKSTART_HOME`: is its disk full?), then make a new plan.",
      error,
    );
  }
  await setSynchronous(step, connection, change.to);
  await recordPromise(context, step, node, change);
}

export async function mustTake(step: StepContext, connection: Connection, setting: string): Promise<void> {
  const reached = async () => ((await synchronousSetting(connection)) === setting ? true : undefined);
  if (await pollUntil(reached, { everyMs: 2, timeoutMs: reloadTimeoutMs, signal: step.signal })) return;
  throw stepFailed(
    `${placeOf(step)} does not take the new synchronous_standby_names.`,
    "The setting is written, but another source (the command line, a later include) overrides it.",
    "See pg_file_settings on the server.",
  );
}

/** Who streams, whether commits count on it, and whether it has confirmed what the primary had at the mark. */
type Seen = Readonly<{ name: string; counts: boolean; confirms: boolean }>;

/**
 * Whether as many standbys as commits wait for count and confirm, now or within the limit. A standby that is halted
 * streams and counts, so it is asked for something new: a commit of our own, which does not wait.
 */
export async function commitsPass(
  connection: Connection,
  options: Readonly<{ signal: AbortSignal; timeoutMs?: number }>,
): Promise<boolean> {
  return (await passing(connection, options)) === true;
}

/** True, or who was seen last. */
async function passing(
  connection: Connection,
  { signal, timeoutMs = confirmTimeoutMs }: Readonly<{ signal: AbortSignal; timeoutMs?: number }>,
): Promise<true | readonly Seen[]> {
  let seen: readonly Seen[] = [];
  if (parseSynchronousNames(await synchronousSetting(connection)) === undefined) return true;
  const mark = await commitWithoutWaiting(connection);
  const replays = await waitsForReplay(connection);
  const pass = async () => {
    if (replays) await commitWithoutWaiting(connection);
    const names = parseSynchronousNames(await synchronousSetting(connection));
    if (names === undefined) return true;
    seen = await connection.query<Seen>(
      `select application_name as name, sync_state in ('sync', 'quorum') as counts, ${confirmed} >= $1::pg_lsn as confirms
       from pg_stat_replication where state = 'streaming'`,
      [mark],
    );
    return seen.filter((one) => one.counts && one.confirms).length >= names.count ? true : undefined;
  };
  const passes = await pollUntil(pass, { everyMs: replays ? replayPollMs : pollMs, timeoutMs, signal });
  return passes ?? seen;
}

/** What a commit waits for. */
const confirmed = `case current_setting('synchronous_commit')
  when 'remote_apply' then replay_lsn when 'remote_write' then write_lsn else flush_lsn end`;

/** How far it has replayed, a standby tells with the next that it has received: it gets more while that is awaited. */
async function waitsForReplay(connection: Connection): Promise<boolean> {
  return (await connection.query("select where current_setting('synchronous_commit') = 'remote_apply'")).length === 1;
}

async function commitWithoutWaiting(connection: Connection): Promise<Lsn> {
  await connection.query(
    "begin; set local synchronous_commit = local; select pg_logical_emit_message(true, 'blackstart', 'mark'); commit",
  );
  const [row] = await connection.query<{ written: Lsn }>("select pg_current_wal_flush_lsn()::text as written");
  return row?.written ?? "0/0";
}

export type Lowered = Readonly<{ from: string; to: string }>;

/**
 * On a new primary: should too few of those come that commits wait for, or not confirm, it waits for those only that do.
 * What this plan has set it may take back; a promise that somebody else declared is given up by a person.
 */
export async function lowerUnlessPassing(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  timeoutMs: number = confirmTimeoutMs,
): Promise<Lowered | undefined> {
  if (await isStandby(connection)) return undefined;
  const seen = await passing(connection, { signal: step.signal, timeoutMs });
  const from = await synchronousSetting(connection);
  const names = parseSynchronousNames(from);
  if (seen === true || names === undefined || !(await isOwn(context, step, from))) return undefined;
  const there = seen.filter(({ name }) => isSynchronousName(names, name));
  const confirming = there.filter((one) => one.confirms).map(({ name }) => name);
  const to = formatSynchronousNames({
    method: names.method,
    count: Math.min(names.count, confirming.length),
    // One that streams and does not confirm holds commits up; one that is not there does not.
    names: confirming.length === there.length ? names.names : [...new Set(confirming)],
  });
  if (isSameSetting(from, to)) return undefined;
  await changePromise(context, step, connection, { from, to });
  step.progress(
    `${confirming.length} of the ${names.count} standbys that commits wait for confirm: synchronous_standby_names is '${to}', not '${from}'.`,
  );
  return { from, to };
}

/** Whether this plan has set what is in force: then nobody else has since. */
async function isOwn(context: MitigationContext, step: StepContext, inForce: string): Promise<boolean> {
  const last = await recordedPromise(context, step, placeOf(step));
  return last?.plan === step.planId && isAsRecorded(last, inForce);
}

/** The server by the name that the step gives it. */
function placeOf({ parameters }: StepContext): string {
  return String(parameters.node ?? parameters.primary);
}

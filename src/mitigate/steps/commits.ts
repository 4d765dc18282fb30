import { pollUntil } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { Lsn } from "../../drivers/postgres/lsn.ts";
import {
  formatSynchronousNames,
  isSameSetting,
  isSynchronousName,
  parseSynchronousNames,
  type SynchronousNames,
} from "../../drivers/postgres/synchronous-names.ts";
import type { StepContext } from "../../plan/handler.ts";
import { stepFailed } from "./parameters.ts";
import { alterSystem, isStandby } from "./servers.ts";

/* No step may leave writes hanging: whatever commits wait for has to be there, or is not waited for. */

const reloadTimeoutMs = 3000;
/** A standby that streams counts as soon as its sender has read the new setting. */
const confirmTimeoutMs = 3000;
const pollMs = 5;

export async function synchronousSetting(connection: Connection): Promise<string> {
  const rows = await connection.query<{ value: string }>(
    "select current_setting('synchronous_standby_names') as value",
  );
  return rows[0]?.value ?? "";
}

/** The names of those that stream from this server now. */
export async function streamingFrom(connection: Connection): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string }>(
    "select application_name as name from pg_stat_replication where state = 'streaming'",
  );
  return rows.map(({ name }) => name);
}

/** Those that count, one entry for each server that streams: several may bear one name. */
export function counting(names: SynchronousNames, streaming: readonly string[]): readonly string[] {
  return streaming.filter((name) => isSynchronousName(names, name));
}

/** Sets it, and sees that it is in force. */
export async function setSynchronous(step: StepContext, connection: Connection, setting: string): Promise<void> {
  await step.assertHeld();
  await alterSystem(connection, "synchronous_standby_names", setting);
  await mustTake(step, connection, setting);
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

/** Whether as many standbys as commits wait for are seen to count (`sync`, `quorum`), now or within the limit. */
export async function commitsPass(
  connection: Connection,
  options: Readonly<{ signal: AbortSignal; timeoutMs?: number }>,
): Promise<boolean> {
  const pass = async () => {
    const [row] = await connection.query<{ setting: string; counting: number }>(
      `select current_setting('synchronous_standby_names') as setting,
         (select count(*)::int from pg_stat_replication where state = 'streaming' and sync_state in ('sync', 'quorum')) as counting`,
    );
    const names = parseSynchronousNames(row?.setting ?? "");
    return names === undefined || (row?.counting ?? 0) >= names.count ? true : undefined;
  };
  const timeoutMs = options.timeoutMs ?? confirmTimeoutMs;
  return (await pollUntil(pass, { everyMs: pollMs, timeoutMs, signal: options.signal })) === true;
}

export type Lowered = Readonly<{ from: string; to: string }>;

/**
 * On a new primary: should too few of those come that commits wait for, it waits for those only that are there. What a
 * plan set before the promotion it may take back; a promise that somebody else declared is given up by a person.
 */
export async function lowerUnlessPassing(
  step: StepContext,
  connection: Connection,
  timeoutMs: number = confirmTimeoutMs,
): Promise<Lowered | undefined> {
  if (await isStandby(connection)) return undefined;
  if (await commitsPass(connection, { signal: step.signal, timeoutMs })) return undefined;
  const from = await synchronousSetting(connection);
  const names = parseSynchronousNames(from);
  if (names === undefined) return undefined;
  const there = counting(names, await streamingFrom(connection));
  return lower(step, connection, from, { ...names, count: Math.min(names.count - 1, there.length) });
}

/** A standby that streams and confirms nothing (it is halted, or its disk is) holds every commit up: it is left out. */
export async function lowerToConfirming(step: StepContext, connection: Connection): Promise<Lowered | undefined> {
  const from = await synchronousSetting(connection);
  const names = parseSynchronousNames(from);
  if (names === undefined) return undefined;
  const [now] = await connection.query<{ written: Lsn }>("select pg_current_wal_flush_lsn()::text as written");
  let confirming: readonly string[] = [];
  const enough = async () => {
    const rows = await connection.query<{ name: string }>(
      "select application_name as name from pg_stat_replication where state = 'streaming' and flush_lsn >= $1::pg_lsn",
      [now?.written],
    );
    confirming = counting(
      names,
      rows.map(({ name }) => name),
    );
    return confirming.length >= names.count && names.method === "any" ? true : undefined;
  };
  // FIRST waits for the first of them that stream, whether these confirm or not: all have to be looked for.
  await pollUntil(enough, { everyMs: pollMs, timeoutMs: confirmTimeoutMs, signal: step.signal });
  const count = Math.min(names.count, confirming.length);
  return lower(step, connection, from, { ...names, count, names: [...new Set(confirming)] });
}

async function lower(
  step: StepContext,
  connection: Connection,
  from: string,
  names: SynchronousNames,
): Promise<Lowered | undefined> {
  const to = formatSynchronousNames(names);
  if (isSameSetting(from, to)) return undefined;
  await setSynchronous(step, connection, to);
  step.progress(
    `Too few of the standbys that commits wait for are there: synchronous_standby_names is '${to}', not '${from}'.`,
  );
  return { from, to };
}

/** The server by the name that the step gives it. */
function placeOf({ parameters }: StepContext): string {
  return String(parameters.node ?? parameters.primary);
}

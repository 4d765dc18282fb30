import type { JsonObject } from "../../base/json.ts";
import { pollUntil } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import {
  formatSynchronousNames,
  isSynchronousName,
  parseSynchronousNames,
} from "../../drivers/postgres/synchronous-names.ts";
import type { CheckResult, StepContext, StepHandler, Undone } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { number, objects, stepFailed, text } from "./parameters.ts";
import { alterSystem, isStandby, sessions } from "./servers.ts";

const reloadTimeoutMs = 3000;

/**
 * For which standbys commits wait. `before-promotion`: of those that are left, set while the server is a standby still,
 * so that the promise holds from its first write on. `as-meant`: of all, and only if enough of them stream: otherwise
 * commits would hang, and the setting is left as it is. `degraded`: of those that are there, and only while too few are.
 */
export function setSynchronousHandler(context: MitigationContext): StepHandler {
  const on = <T>(step: StepContext, work: (connection: Connection) => Promise<T>) =>
    sessions(context).use(text(step, "cluster"), text(step, "node"), work);
  return {
    kind: "postgres.set-synchronous",
    check: (step) => on(step, (connection) => check(step, connection)),
    do: (step) =>
      on(step, async (connection): Promise<JsonObject> => {
        const previous = await current(connection);
        await step.assertHeld();
        await alterSystem(connection, "synchronous_standby_names", wantedOf(step).setting);
        return { setting: wantedOf(step).setting, previous };
      }),
    verify: (step) => on(step, (connection) => mustTake(step, connection, wantedOf(step).setting)),
    undo: (step, outcome) => on(step, (connection) => restore(step, connection, outcome)),
  };
}

type Wanted = Readonly<{ setting: string; count: number; names: readonly string[] }>;

function wantedOf(step: StepContext): Wanted {
  const node = text(step, "node");
  const members = objects(step, "members").filter((member) => member.node !== node);
  const names = members.map((member) => String(member.name));
  const count = Math.min(number(step, "count"), names.length);
  const method = step.parameters.method === "any" ? "any" : "first";
  const listed = step.parameters.everyone === true ? ["*"] : names;
  return { setting: formatSynchronousNames({ method, count, names: listed }), count, names };
}

async function mustTake(step: StepContext, connection: Connection, setting: string): Promise<void> {
  const reached = async () => ((await current(connection)) === setting ? true : undefined);
  if (await pollUntil(reached, { everyMs: 2, timeoutMs: reloadTimeoutMs, signal: step.signal })) return;
  throw stepFailed(
    `${text(step, "node")} does not take the new synchronous_standby_names.`,
    "The setting is written, but another source (the command line, a later include) overrides it.",
    "See pg_file_settings on the server.",
  );
}

/** Takes back only its own setting, and never so that commits would hang for it. */
async function restore(step: StepContext, connection: Connection, outcome: JsonObject): Promise<Undone> {
  const node = text(step, "node");
  const { previous } = outcome;
  const { setting } = wantedOf(step);
  if (typeof previous !== "string" || previous === setting)
    return { state: "nothing", why: `${node} was set so already; what it was before is not recorded.` };
  const now = await current(connection);
  const restored = { setting: previous, previous: setting };
  if (now === previous) return { state: "undone", outcome: restored };
  const refuse = (why: string) =>
    stepFailed(`${node} is left as it is: synchronous_standby_names = '${now}'.`, why, "See `blackstart status`.");
  if (now !== setting) throw refuse("It was changed since by somebody else.");
  if (await isStandby(connection)) throw refuse(`${node} is a standby by now; the primary is another.`);
  const names = parseSynchronousNames(previous);
  const there = (await streamingFrom(connection)).filter((name) => names && isSynchronousName(names, name));
  if (names !== undefined && there.length < names.count)
    throw refuse(`${there.length} of ${names.count} standbys that '${previous}' waits for stream: commits would hang.`);
  await step.assertHeld();
  await alterSystem(connection, "synchronous_standby_names", previous);
  await mustTake(step, connection, previous);
  return { state: "undone", outcome: restored };
}

async function streamingFrom(connection: Connection): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string }>(
    "select application_name as name from pg_stat_replication where state = 'streaming'",
  );
  return rows.map(({ name }) => name);
}

async function current(connection: Connection): Promise<string> {
  const rows = await connection.query<{ value: string }>(
    "select current_setting('synchronous_standby_names') as value",
  );
  return rows[0]?.value ?? "";
}

async function check(step: StepContext, connection: Connection): Promise<CheckResult> {
  const wanted = wantedOf(step);
  const before = await current(connection);
  if (before === wanted.setting) return { state: "done", outcome: { setting: before, previous: before } };
  if (step.parameters.when === "before-promotion") return { state: "ready" };
  const streaming = await streamingFrom(connection);
  if (step.parameters.when === "degraded") return stillNeeded(step, connection, before, streaming);
  const there = streaming.filter((there) => wanted.names.some((name) => name.toLowerCase() === there.toLowerCase()));
  if (there.length >= wanted.count && wanted.count >= number(step, "count")) return { state: "ready" };
  return {
    state: "refused",
    why: `${there.length} of the ${number(step, "count")} standbys that commits shall wait for stream; with the setting as it is meant, commits would hang. It is left at '${before}'.`,
    next: "Bring the standbys back with `blackstart mitigate rejoin`, which sets it.",
  };
}

/** A promise is given up only while commits hang for want of the standbys that they wait for. */
async function stillNeeded(
  step: StepContext,
  connection: Connection,
  setting: string,
  streaming: readonly string[],
): Promise<CheckResult> {
  const next = "Nothing was changed. See `blackstart status`.";
  if (await isStandby(connection))
    return { state: "refused", why: `${text(step, "node")} is a standby by now; the primary is another.`, next };
  const names = parseSynchronousNames(setting);
  const there = streaming.filter((name) => names !== undefined && isSynchronousName(names, name));
  if (names !== undefined && there.length < names.count) return { state: "ready" };
  const why =
    names === undefined
      ? `${text(step, "node")} waits for no standby any more.`
      : `${there.join(", ")} streams again, as was promised.`;
  return { state: "refused", why, next };
}

import { BlackstartError } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import {
  counting,
  formatSynchronousNames,
  isAsRecorded,
  isSameSetting,
  parseSynchronousNames,
} from "../../drivers/postgres/synchronous-names.ts";
import { askStall } from "../../drivers/postgres/synchronous-wait.ts";
import type { CheckResult, StepContext, StepHandler, Undone } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { promiseUnder } from "../promise.ts";
import {
  changePromise,
  commitsPass,
  lowerUnlessPassing,
  mustTake,
  setSynchronous,
  streamingFrom,
  synchronousSetting,
} from "./commits.ts";
import { stepFailed, text } from "./parameters.ts";
import { meantBy, recordedPromise, recordPromise } from "./record-promise.ts";
import { alterSystem, isStandby, sessions } from "./servers.ts";
import { isBefore, promisedOf, wantedOf } from "./wanted-promise.ts";

/**
 * For which standbys commits wait. `before-promotion`: for those that answer now, set while the server is a standby
 * still, so that the promise holds from its first write on; that they come is seen to by the steps after the promotion.
 * `as-meant`: as promised, and only if enough of them stream. `degraded`: for those that are there, and only while too
 * few are. Names are asked for: the plan's may have changed since. Where too few come after all, the old value is put
 * back at once. What somebody has set on a primary since the plan was made is a promise of theirs, and stays.
 */
export function setSynchronousHandler(context: MitigationContext): StepHandler {
  const on = <T>(step: StepContext, work: (connection: Connection) => Promise<T>) =>
    sessions(context).use(text(step, "cluster"), text(step, "node"), work);
  return {
    kind: "postgres.set-synchronous",
    check: (step) => on(step, (connection) => check(context, step, connection)),
    do: (step) =>
      on(step, async (connection): Promise<JsonObject> => {
        const previous = await synchronousSetting(connection);
        const setting = formatSynchronousNames(await wantedOf(context, step, connection));
        const change = { from: previous, to: setting };
        const left = await whyLeft(context, step, connection, change);
        if (left !== undefined) return leave(context, step, previous, left);
        if (isBefore(step)) await setBeforePromotion(context, step, connection, change);
        else await set(context, step, connection, { ...change, ...(isAsMeant(step) && { meant: setting }) });
        return { setting, previous };
      }),
    async verify(step, outcome) {
      await on(step, async (connection) => {
        const taken = mustTake(step, connection, String(outcome.setting));
        await (isBefore(step) ? takenBackUnless(connection, outcome.previous, taken) : taken);
        if (isBefore(step) || (await commitsPass(connection, step))) return;
        // A plan that was killed right after it had set it.
        const lowered = await lowerUnlessPassing(context, step, connection);
        throw notConfirming(String(outcome.setting), lowered?.to);
      });
    },
    undo: (step, outcome) => on(step, (connection) => restore(context, step, connection, outcome)),
  };
}

/** A standby keeps no promise before it is promoted: what is recorded and what is set are both there by then. */
async function setBeforePromotion(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  { from, to }: Change,
): Promise<void> {
  const node = text(step, "node");
  const meant = formatSynchronousNames(promiseUnder(promisedOf(step), node));
  const recorded = recordPromise(context, step, node, { from, to, meant, beforePromotion: true });
  await takenBackUnless(connection, from, Promise.all([recorded, setSynchronous(step, connection, to)]));
}

/**
 * The old value is put back where too few confirm, unless commits would hang for it as well.
 * @param change.meant by default, what it was meant to be before
 */
async function set(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  { from, to, meant }: Change & Readonly<{ meant?: string }>,
): Promise<void> {
  const before = meantBy(await recordedPromise(context, step, text(step, "node")), from);
  await changePromise(context, step, connection, { from, to, meant: meant ?? before });
  if (await commitsPass(connection, step)) return;
  await changePromise(context, step, connection, { from: to, to: from, meant: before });
  const lowered = await lowerUnlessPassing(context, step, connection);
  throw notConfirming(to, lowered?.to ?? from);
}

/** On a standby that is not promoted now, it would be left over for the day when it is. */
async function takenBackUnless(connection: Connection, previous: unknown, set: Promise<unknown>): Promise<void> {
  try {
    await set;
  } catch (error) {
    // Should that fail as well, the record says what was meant.
    if (typeof previous === "string")
      await alterSystem(connection, "synchronous_standby_names", previous).catch(() => undefined);
    throw error;
  }
}

/**
 * Why it is left alone: no plan has set what is in force on the way to the same, nor was it so when this plan was made
 * (`seen`). A value on a standby does not count as a promise yet, and the plan has shown what becomes of it.
 */
async function whyLeft(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  { from, to }: Partial<Change> & Readonly<{ from: string }>,
): Promise<string | undefined> {
  const node = text(step, "node");
  const left = `synchronous_standby_names on ${node} is left at '${from}'`;
  if (isBefore(step)) return (await isStandby(connection)) ? undefined : `${node} takes writes already: ${left}.`;
  const { seen } = step.parameters;
  if (typeof seen === "string" && isSameSetting(seen, from)) return undefined;
  const last = await recordedPromise(context, step, node);
  const isPlanned = last !== undefined && isAsRecorded(last, from);
  if (isPlanned && (last.plan === step.planId || (to !== undefined && isSameSetting(last.meant, to)))) return undefined;
  return `Somebody has set it since this plan was made: ${left}.`;
}

async function leave(context: MitigationContext, step: StepContext, now: string, left: string): Promise<JsonObject> {
  await recordPromise(context, step, text(step, "node"), { from: now, to: now });
  step.progress(left);
  return { setting: now, previous: now, left };
}

function isAsMeant(step: StepContext): boolean {
  return !isBefore(step) && step.parameters.when !== "degraded";
}

async function check(context: MitigationContext, step: StepContext, connection: Connection): Promise<CheckResult> {
  // Clients wait; the step itself asks who is there, and to set once more what is set already changes nothing.
  if (isBefore(step)) return { state: "ready" };
  const before = await synchronousSetting(connection);
  // Resumed after another failover: on a standby it would be left over for the day when that is the primary.
  if (await isStandby(connection))
    return {
      state: "refused",
      why: `${text(step, "node")} is a standby by now; the primary is another.`,
      next: unchanged,
    };
  if (step.parameters.when === "degraded") {
    const why = await whyLeft(context, step, connection, { from: before });
    if (why === undefined) return stillNeeded(step, connection, before);
    return { state: "refused", why, next: "Make a new plan, should commits hang for it as well." };
  }
  const wanted = await wantedOf(context, step, connection);
  const left = await whyLeft(context, step, connection, { from: before, to: formatSynchronousNames(wanted) });
  const recorded = await recordedPromise(context, step, text(step, "node"));
  // Of one that was killed while it set it, it is recorded first that it is set.
  if (isSameSetting(before, formatSynchronousNames(wanted)) && recorded?.replaces === undefined)
    return { state: "done", outcome: { setting: before, previous: before } };
  if (left !== undefined) return { state: "ready" };
  const there = wanted === undefined ? [] : counting(wanted, await streamingFrom(connection));
  if (there.length >= (wanted?.count ?? 0)) return { state: "ready" };
  return {
    state: "refused",
    why: `${there.length} of the ${wanted?.count} standbys that commits shall wait for (${formatSynchronousNames(wanted)}) stream; with the setting as it is meant, commits would hang. It is left at '${before}'.`,
    next: "Bring the standbys back with `blackstart mitigate rejoin`, which sets it.",
  };
}

const unchanged = "Nothing was changed. See `blackstart status`.";

type Change = Readonly<{ from: string; to: string }>;

function notConfirming(setting: string, now: string | undefined): BlackstartError {
  return stepFailed(
    `Too few of the standbys in '${setting}' confirm; ${now === undefined ? "it is left so, and commits may hang." : `synchronous_standby_names is '${now}' now.`}`,
    "They do not count (pg_stat_replication.sync_state) within the limit.",
    "See `blackstart check`; bring the standbys back with `blackstart mitigate rejoin`.",
  );
}

/** Takes back only its own setting, and never so that commits would hang for it. */
async function restore(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  outcome: JsonObject,
): Promise<Undone> {
  const node = text(step, "node");
  const { previous, setting, left } = outcome;
  if (typeof left === "string") return { state: "nothing", why: left };
  if (typeof previous !== "string" || typeof setting !== "string" || previous === setting)
    return { state: "nothing", why: `${node} was set so already; what it was before is not recorded.` };
  const now = await synchronousSetting(connection);
  const restored = { setting: previous, previous: setting };
  if (now === previous) return { state: "undone", outcome: restored };
  const refuse = (why: string) =>
    stepFailed(`${node} is left as it is: synchronous_standby_names = '${now}'.`, why, "See `blackstart status`.");
  if (now !== setting) throw refuse("It was changed since by somebody else.");
  const standby = await isStandby(connection);
  if (isBefore(step)) {
    if (!standby) return { state: "nothing", why: `${node} was promoted: commits there wait for these standbys.` };
    await setSynchronous(step, connection, previous);
    return { state: "undone", outcome: restored };
  }
  if (standby) throw refuse(`${node} is a standby by now; the primary is another.`);
  const names = parseSynchronousNames(previous);
  const there = names === undefined ? [] : counting(names, await streamingFrom(connection));
  if (names !== undefined && there.length < names.count)
    throw refuse(`${there.length} of ${names.count} standbys that '${previous}' waits for stream: commits would hang.`);
  await set(context, step, connection, { from: setting, to: previous });
  return { state: "undone", outcome: restored };
}

/** A promise is given up only while commits hang for want of the standbys that they wait for. */
async function stillNeeded(step: StepContext, connection: Connection, setting: string): Promise<CheckResult> {
  const names = parseSynchronousNames(setting);
  const there = names === undefined ? [] : counting(names, await streamingFrom(connection));
  if (names !== undefined && there.length < names.count) return { state: "ready" };
  if (names !== undefined && (await askStall(connection, step.signal)) !== undefined) return { state: "ready" };
  const why =
    names === undefined
      ? `${text(step, "node")} waits for no standby any more.`
      : `${there.join(", ")} streams again, as was promised, and no commit hangs.`;
  return { state: "refused", why, next: unchanged };
}

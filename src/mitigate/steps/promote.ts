import { BlackstartError, messageOf, whatAndWhy } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { pollUntil } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { cutTimeoutMs, isCut, throughCut, wayBack } from "./cut.ts";
import { refusedUnlessElected } from "./elected.ts";
import { refusedUnlessFenced } from "./fenced.ts";
import { stepFailed, text } from "./parameters.ts";
import {
  fencedBy,
  notedPromoted,
  otherWriters,
  refusedIfUnknown,
  whileNobodyElsePromotes,
  whoWrites,
} from "./roles.ts";
import { isStandby, sessions } from "./servers.ts";

/** A standby first replays what it has received, which may take hours: so long it is given to get any further. */
const promoteTimeoutMs = 120_000;
const pollMs = 2;

/**
 * `pg_promote(false)` and looking ourselves: writable in 7–21 ms, where `pg_promote(true)` always takes 102 ms
 * (measured on 15 and 18; it looks every 100 ms).
 */
export function promoteHandler(context: MitigationContext): StepHandler {
  const on = <T>(step: StepContext, work: (connection: Connection) => Promise<T>) =>
    sessions(context).use(text(step, "cluster"), text(step, "node"), work);
  return {
    kind: "postgres.promote",
    async check(step) {
      const node = text(step, "node");
      const [{ taking, unknown }, unfenced, overtaken] = await Promise.all([
        othersThroughCut(context, step),
        refusedUnlessFenced(context, step),
        refusedUnlessElected(context, step),
      ]);
      if (taking.length > 0)
        return {
          state: "refused",
          why: `${taking.join(", ")} takes writes: somebody started or promoted it since this plan was made. ${node} would be a second primary.`,
          next: "Stop it, or keep it as the primary and let the others follow it; then make a new plan.",
        };
      const refused = refusedIfUnknown(unknown, `${node} could be a second primary`, wayOut(step));
      if (refused !== undefined) return refused;
      // Asked last: its promotion, by this plan before it was interrupted, may have come about meanwhile.
      const standby = await throughCut(step, () => on(step, isStandby)).catch((error) => {
        throw isCut(error) ? unanswering(step, error, `${node} was not promoted.`) : error;
      });
      if (standby) return unfenced ?? overtaken ?? { state: "ready" };
      return { state: "done", outcome: await on(step, timelineOf) };
    },
    do: (step) =>
      whileNobodyElsePromotes(context, step, (held) => {
        const connection = held.get(text(step, "node"));
        return connection
          ? promote(context, step, connection, held)
          : on(step, (own) => promote(context, step, own, held));
      }).catch((error) => {
        throw isCut(error)
          ? unanswering(step, error, `Whether ${text(step, "node")} was promoted is not known.`)
          : error;
      }),
    verify: (step, outcome) =>
      on(step, async (connection) => {
        if (!(await isStandby(connection)) && Number((await timelineOf(connection)).timeline) >= 2)
          return notedPromoted(step);
        throw stepFailed(
          `${text(step, "node")} is not the primary of a new timeline (${JSON.stringify(outcome)}).`,
          "It is in recovery, or was a primary before without ever having been promoted.",
          "Look at `blackstart status` before anything else.",
        );
      }),
  };
}

async function othersOf(context: MitigationContext, step: StepContext, held?: ReadonlyMap<string, Connection>) {
  return otherWriters(await whoWrites(context, text(step, "cluster"), fencedBy(step), held), text(step, "node"));
}

/** A node that is unreachable for a few seconds must not leave the cluster without a primary. */
async function othersThroughCut(context: MitigationContext, step: StepContext) {
  const known = async () => {
    const others = await othersOf(context, step);
    return others.taking.length > 0 || others.unknown.length === 0 ? others : undefined;
  };
  const limits = { everyMs: pollMs, timeoutMs: cutTimeoutMs, signal: step.signal };
  return (await pollUntil(known, limits)) ?? othersOf(context, step);
}

function wayOut(step: StepContext): string {
  const old = fencedBy(step);
  return old === undefined ? "" : ` No node takes writes. ${wayBack(step, old)}`;
}

function unanswering(step: StepContext, error: unknown, what: string): BlackstartError {
  return stepFailed(
    what,
    `A node that has to be asked does not answer: ${messageOf(error)}.`,
    `See \`blackstart status\`, then make a new plan.${wayOut(step)}`,
    error,
  );
}

async function timelineOf(connection: Connection): Promise<JsonObject> {
  const rows = await connection.query<{ timeline: number }>(
    "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int as timeline",
  );
  return { timeline: rows[0]?.timeline ?? 0 };
}

async function promote(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  held: ReadonlyMap<string, Connection>,
): Promise<JsonObject> {
  const node = text(step, "node");
  const { taking, unknown } = await othersOf(context, step, held);
  if (taking.length > 0)
    throw stepFailed(
      `${taking.join(", ")} was promoted in this very moment; ${node} was not.`,
      "Somebody else, with a store of their own, fails over the same cluster.",
      "See `blackstart status`; let one of you bring it to its end.",
    );
  if (unknown.length > 0)
    throw stepFailed(
      `${node} was not promoted.`,
      `Whether another node takes writes is not known any more (${unknown.join("; ")}).`,
      `See \`blackstart status\`, then make a new plan.${wayOut(step)}`,
    );
  await step.assertHeld();
  await connection.query("select pg_promote(false)");
  const writable = async () => ((await isStandby(connection)) ? undefined : true);
  const place = async () => {
    const [row] = await connection.query<{ lsn: string | null }>("select pg_last_wal_replay_lsn()::text as lsn");
    step.progress(`${node} replays what it has received before it takes writes, and is at ${row?.lsn}.`);
    return row?.lsn ?? "";
  };
  const limits = { everyMs: pollMs, timeoutMs: promoteTimeoutMs, signal: step.signal };
  const reached = await unlessStuck(writable, place, limits).catch((error) => {
    if (step.signal.aborted) throw stillPending(step, `It was not waited for any longer. ${whyAborted(step)}`);
    throw error;
  });
  if (reached) return timelineOf(connection);
  throw stillPending(step, `Its replay of what it has received has not moved for ${promoteTimeoutMs / 1000} s.`);
}

function whyAborted({ signal: { reason } }: StepContext): string {
  return reason instanceof BlackstartError ? whatAndWhy(reason) : messageOf(reason);
}

function stillPending(step: StepContext, why: string): BlackstartError {
  const [cluster, node] = [text(step, "cluster"), text(step, "node")];
  return stepFailed(
    `The promotion of ${node} is still pending. No node takes writes.`,
    why,
    `See its log. Once its replay goes on it becomes the primary by itself: then \`blackstart mitigate move-clients ${cluster}\`, and \`blackstart mitigate rejoin\` for the others. Promote another only once ${node} is stopped.`,
  );
}

/** Waits until it is reached; gives up where the place stands still for as long as the limit. */
export async function unlessStuck(
  reached: () => Promise<true | undefined>,
  place: () => Promise<string>,
  limits: Readonly<{ everyMs: number; timeoutMs: number; signal: AbortSignal }>,
): Promise<boolean> {
  for (let before: string | undefined; ; ) {
    if (await pollUntil(reached, limits)) return true;
    const now = await place();
    if (now === before) return false;
    before = now;
  }
}

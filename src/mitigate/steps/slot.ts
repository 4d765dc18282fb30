import { BlackstartError, messageOf } from "../../base/error.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { stepFailed, text } from "./parameters.ts";
import { sessions } from "./servers.ts";

export type StandbySlot = Readonly<{ node: string; upstream: string; slot: string }>;

/**
 * A standby whose primary_slot_name names a slot that the server it streams from does not have never streams, and slots
 * are not replicated: the slot is made there. It reserves the log at once, since the standby comes for it next. One that has
 * lost its WAL (max_slot_wal_keep_size) lets nobody stream any more, and is made anew.
 * Answers whether it was missing.
 * @param how.upstream the server that it streams from: nobody would read the slot anywhere else, and it would hold WAL there
 */
export async function provideSlot(
  context: MitigationContext,
  step: StepContext,
  { node, upstream, slot }: StandbySlot,
): Promise<boolean> {
  if (slot === "") return false;
  return sessions(context).use(text(step, "cluster"), upstream, async (connection) => {
    const [there] = await connection.query<{ lost: boolean }>(
      "select coalesce(wal_status = 'lost', false) as lost from pg_replication_slots where slot_name = $1",
      [slot],
    );
    if (there?.lost === false) return false;
    await step.assertHeld();
    try {
      if (there !== undefined) await connection.query("select pg_drop_replication_slot($1)", [slot]);
      await connection.query("select pg_create_physical_replication_slot($1, true)", [slot]);
    } catch (error) {
      throw cannotProvide(error, { node, upstream, slot });
    }
    step.progress(`${upstream}: made the slot ${slot}, which ${node} streams from`);
    return true;
  });
}

/** Nobody comes for it now, and a slot that nobody reads keeps log until the disk is full. Best effort. */
export async function withdrawSlot(
  context: MitigationContext,
  step: StepContext,
  { upstream, slot }: StandbySlot,
): Promise<void> {
  const drop =
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active";
  await sessions(context)
    .use(text(step, "cluster"), upstream, (connection) => connection.query(drop, [slot]))
    .catch((error) => step.progress(`${upstream}: the slot ${slot} is left over: ${messageOf(error)}`));
}

function cannotProvide(error: unknown, names: StandbySlot): unknown {
  if (!(error instanceof BlackstartError) || error.code !== "QUERY_FAILED") return error;
  const { node, upstream, slot } = names;
  return stepFailed(
    `${node} cannot follow ${upstream}: its primary_slot_name is ${slot}, and that slot cannot be made on ${upstream}.`,
    error.message,
    `${remedyOf(error.details.sqlstate, names)} Then \`blackstart mitigate rejoin\` for ${node}.`,
    error,
  );
}

/** SQLSTATEs: appendix A of PostgreSQL's documentation. */
function remedyOf(sqlstate: unknown, { upstream, slot }: StandbySlot): string {
  const byHand = `select pg_create_physical_replication_slot('${slot}', true)`;
  if (sqlstate === "53400")
    return `Raise max_replication_slots on ${upstream} (it needs a restart), or drop a slot there that nobody reads (pg_drop_replication_slot; see pg_replication_slots where not active).`;
  if (sqlstate === "42501")
    return `Let Blackstart's user on ${upstream} make slots (alter role … replication), or run there: ${byHand};`;
  return `Put right what ${upstream} names, or run there: ${byHand};`;
}

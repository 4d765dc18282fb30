import { BlackstartError, messageOf } from "../../base/error.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { stepFailed, text } from "./parameters.ts";
import { sessions } from "./servers.ts";

/**
 * A standby whose primary_slot_name names a slot that its primary does not have never streams, and slots are not
 * replicated: the slot is made on the new primary. It reserves the log at once, since the standby comes for it next. One
 * that has lost its WAL (max_slot_wal_keep_size) lets nobody stream any more, and is made anew.
 * Answers whether it was missing.
 */
export async function provideSlot(
  context: MitigationContext,
  step: StepContext,
  node: string,
  slot: string,
): Promise<boolean> {
  if (slot === "") return false;
  const [cluster, primary] = [text(step, "cluster"), text(step, "primary")];
  return sessions(context).use(cluster, primary, async (connection) => {
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
      throw cannotProvide(error, { node, primary, slot });
    }
    step.progress(`${primary}: made the slot ${slot}, which ${node} streams from`);
    return true;
  });
}

/** Nobody comes for it now, and a slot that nobody reads keeps log until the disk is full. Best effort. */
export async function withdrawSlot(context: MitigationContext, step: StepContext, slot: string): Promise<void> {
  const [cluster, primary] = [text(step, "cluster"), text(step, "primary")];
  const drop =
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active";
  await sessions(context)
    .use(cluster, primary, (connection) => connection.query(drop, [slot]))
    .catch((error) => step.progress(`${primary}: the slot ${slot} is left over: ${messageOf(error)}`));
}

function cannotProvide(error: unknown, names: Readonly<{ node: string; primary: string; slot: string }>): unknown {
  if (!(error instanceof BlackstartError) || error.code !== "QUERY_FAILED") return error;
  const { node, primary, slot } = names;
  return stepFailed(
    `${node} cannot follow ${primary}: its primary_slot_name is ${slot}, and that slot cannot be made on ${primary}.`,
    error.message,
    `${remedyOf(error.details.sqlstate, names)} Then \`blackstart mitigate rejoin\` for ${node}.`,
    error,
  );
}

/** SQLSTATEs: appendix A of PostgreSQL's documentation. */
function remedyOf(sqlstate: unknown, { primary, slot }: Readonly<{ primary: string; slot: string }>): string {
  const byHand = `select pg_create_physical_replication_slot('${slot}', true)`;
  if (sqlstate === "53400")
    return `Raise max_replication_slots on ${primary} (it needs a restart), or drop a slot there that nobody reads (pg_drop_replication_slot; see pg_replication_slots where not active).`;
  if (sqlstate === "42501")
    return `Let Blackstart's user on ${primary} make slots (alter role … replication), or run there: ${byHand};`;
  return `Put right what ${primary} names, or run there: ${byHand};`;
}

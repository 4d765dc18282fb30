import { messageOf } from "../../base/error.ts";
import { type Conninfo, formatConninfo } from "../../drivers/postgres/conninfo.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { alterSystem } from "./servers.ts";

/**
 * Sets primary_conninfo and reloads. A password in it would end in the server's log: with the statement, if that is
 * logged or fails, and by PostgreSQL itself, which logs each value that a reload changes. So it goes into a password file
 * beside the data directory, where the host lets us; else it stays, at least the statement is not logged, and it is said.
 */
export async function setPrimaryConninfo(
  context: MitigationContext,
  step: StepContext,
  place: Readonly<{ cluster: string; node: string; connection: Connection }>,
  conninfo: Conninfo,
): Promise<void> {
  const { connection } = place;
  if (conninfo.password === undefined) return alterSystem(connection, "primary_conninfo", formatConninfo(conninfo));
  const safe = await inPasswordFile(context, step, place, conninfo);
  await unlogged(connection, () => alterSystem(connection, "primary_conninfo", formatConninfo(safe)));
}

async function inPasswordFile(
  context: MitigationContext,
  step: StepContext,
  { cluster, node }: Readonly<{ cluster: string; node: string }>,
  conninfo: Conninfo,
): Promise<Conninfo> {
  const { password = "", ...others } = conninfo;
  try {
    const instance = await context.fleet.instance(cluster, node);
    if (instance !== undefined) return { ...others, passfile: await instance.keepPassword(password) };
    step.progress(`${node} has a password in its primary_conninfo, and writes it into its log when it reloads.`);
  } catch (error) {
    step.progress(
      `The password in primary_conninfo of ${node} could not be put into a file (${messageOf(error)}); ${node} writes it into its log when it reloads.`,
    );
  }
  return conninfo;
}

/** What may write a statement down: the log, and the statistics of statements. */
const silent = {
  log_statement: "none",
  log_min_error_statement: "panic",
  log_min_messages: "panic",
  log_min_duration_statement: "-1",
  log_min_duration_sample: "-1",
  log_duration: "off",
  track_activities: "off",
  "pg_stat_statements.track": "none",
} as const;

/** ALTER SYSTEM takes no parameters and no transaction: the session is told not to log, as far as the role may. */
async function unlogged(connection: Connection, work: () => Promise<void>): Promise<void> {
  const settings = Object.entries(silent);
  // A role that may not change one of them (they are the superuser's, unless granted) does what it can.
  for (const [name, value] of settings)
    await connection.query("select set_config($1, $2, false)", [name, value]).catch(() => undefined);
  try {
    await work();
  } finally {
    for (const [name] of settings) await connection.query(`reset ${name}`).catch(() => undefined);
  }
}

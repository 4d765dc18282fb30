import type { Connection } from "../../drivers/postgres/connection.ts";
import type { BeforeImageHeader } from "./before-image.ts";

/*
 * What has to be known, and to be on disk, before a commit, so that afterwards somebody else can ask the server what
 * became of the transaction (`fate.ts`).
 */

/** Which server this is, and on which timeline: a transaction's number means something only there. */
export async function serverIdentity(
  connection: Connection,
): Promise<Pick<BeforeImageHeader, "systemIdentifier" | "timelineId" | "database">> {
  const [row] = await connection.query<{ system: string; timeline: number; database: string }>(
    `select system_identifier::text as system, current_database() as database,
        ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline from pg_control_system()`,
  );
  return {
    systemIdentifier: row?.system ?? "",
    timelineId: row?.timeline ?? 0,
    database: row?.database ?? "",
  };
}

/** The number of the transaction that is open on this connection; null while it has changed nothing. */
export async function assignedXid(connection: Connection): Promise<string | null> {
  const [state] = await connection.query<{ xid: string | null }>(
    "select pg_current_xact_id_if_assigned()::text as xid",
  );
  return state?.xid ?? null;
}

/**
 * Flushes the log up to here, by a message of another transaction (`pg_logical_emit_message`, which changes no data).
 * Otherwise a crash of the server could forget the transaction altogether and give its number to another one, and
 * `pg_xact_status` would later speak of that.
 * @param observer another connection than the transaction's own
 */
export async function makeXidDurable(observer: Connection, plan: string): Promise<void> {
  await observer.query("select pg_logical_emit_message(true, 'blackstart.repair', $1)", [plan]);
}

import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { assertPutBack } from "./difference.ts";
import { assertForeignKeys } from "./foreign-keys.ts";
import type { ImageOptions } from "./images.ts";
import { type Changes, putBack } from "./put-back.ts";
import { type CountsByTable, readCounts } from "./touched.ts";

/** `replica`: triggers do not fire while it is undone, and foreign keys are checked here. */
export type UndoMode = "normal" | "replica";

/** Whether a repair can be undone, as it was tried; `adds`: what the undo itself leaves behind, a sentence a table. */
export type UndoTrial =
  | Readonly<{ possible: true; mode: UndoMode; adds: readonly string[] }>
  | Readonly<{ possible: false; why: string }>;

/**
 * Undoes the repair within its own open transaction and compares with what was there before it; then takes this back, so
 * that the repair stands again. Triggers that change a row once more, rights that are missing, rules and cascades show
 * here, before anybody relies on the undo.
 * @param world the observer's snapshot, from before the repair
 */
export async function tryUndo(
  repairer: Connection,
  observer: Connection,
  world: Readonly<{ xmax: string; counts: CountsByTable }>,
  changes: readonly Changes[],
  limits: Omit<ImageOptions, "take" | "samplesMax">,
): Promise<UndoTrial> {
  const reasons: string[] = [];
  let { counts } = world;
  for (const mode of ["normal", "replica"] as const) {
    if (mode === "replica" && !(await mayReplica(repairer))) break;
    const standing = await readCounts(repairer);
    await repairer.query("savepoint blackstart_undo");
    try {
      await inMode(repairer, mode, changes);
      return { possible: true, mode, adds: await assertPutBack(repairer, observer, { ...world, counts }, [], limits) };
    } catch (error) {
      if (!(error instanceof BlackstartError) || error.code === "UNREACHABLE") throw error;
      reasons.push(`${mode === "replica" ? "without triggers: " : ""}${reasonOf(error)}`);
    } finally {
      // If the connection is gone, so is the transaction.
      await repairer.query("rollback to savepoint blackstart_undo").catch(() => undefined);
    }
    counts = withAttempt(counts, standing, await readCounts(repairer));
  }
  return { possible: false, why: reasons.join("; ") };
}

/** The statistics count what was rolled back as well: what a failed attempt has touched is no part of the next one. */
function withAttempt(counts: CountsByTable, before: CountsByTable, after: CountsByTable): CountsByTable {
  const none = { inserted: 0, updated: 0, deleted: 0 };
  return new Map(
    [...after].map(([oid, now]) => {
      const [base, then] = [counts.get(oid) ?? none, before.get(oid) ?? none];
      return [
        oid,
        {
          inserted: base.inserted + now.inserted - then.inserted,
          updated: base.updated + now.updated - then.updated,
          deleted: base.deleted + now.deleted - then.deleted,
          catalog: now.catalog,
        },
      ];
    }),
  );
}

/** Puts the rows back in the transaction that is open, in this mode. */
export async function inMode(connection: Connection, mode: UndoMode, changes: readonly Changes[]): Promise<number> {
  if (mode === "normal") return await putBack(connection, changes);
  await connection.query("set local session_replication_role = replica");
  const restored = await putBack(connection, changes);
  await assertForeignKeys(connection, changes);
  return restored;
}

function reasonOf(error: BlackstartError): string {
  if (error.code === "QUERY_FAILED") return error.message.replace(/^.* refused a query: /s, "");
  const { table } = error.details;
  return typeof table === "string" && /not as the repair left it/.test(error.message)
    ? `a trigger, a rule or a cascade of ${table} changes what is put back`
    : error.message.replace(/^The repair cannot be undone: /, "").replace(/\.$/, "");
}

/** Whether this role may keep triggers from firing; from PostgreSQL 15 on that can be granted. */
export async function mayReplica(connection: Connection): Promise<boolean> {
  const [row] = await connection.query<{ superuser: boolean; version: number }>(
    `select rolsuper as superuser, current_setting('server_version_num')::int as version
       from pg_roles where rolname = current_user`,
  );
  if (row?.superuser === true || row === undefined || row.version < 150_000) return row?.superuser === true;
  const [granted] = await connection.query<{ may: boolean }>(
    "select has_parameter_privilege('session_replication_role', 'set') as may",
  );
  return granted?.may === true;
}

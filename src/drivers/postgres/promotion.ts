import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "./connection.ts";

/** @property startedAt of its postmaster: a promotion that is pending ends with it */
export type RoleNow =
  | Readonly<{ role: "primary" }>
  | Readonly<{ role: "standby"; promoting: boolean; startedAt: string }>;

type Row = Readonly<{ standby: boolean; started_at: string; looks: boolean; resumes: boolean }>;

const roleQuery = `select pg_is_in_recovery() as standby, extract(epoch from pg_postmaster_start_time())::text as started_at,
  has_function_privilege('pg_stat_file(text,boolean)', 'execute') as looks,
  has_function_privilege('pg_wal_replay_resume()', 'execute') as resumes`;

/**
 * Its role, and whether a promotion is pending: a standby that becomes a primary by itself once it has replayed all its
 * WAL. Until replay looks for it the file `promote` is there. Replay removes that at once and goes on
 * (CheckForStandbyTrigger in xlogrecovery.c); from then on only the functions that pause and resume it tell (PostgreSQL 13,
 * xlogfuncs.c). So the file is asked for first. What our database role may not ask is not known, and `promoting` is false.
 */
export async function askRole(connection: Connection): Promise<RoleNow> {
  const [row] = await connection.query<Row>(roleQuery);
  if (row?.standby !== true) return { role: "primary" };
  const promoting = await isPending(connection, row);
  return { role: "standby", promoting, startedAt: row.started_at };
}

const isAsked = "exists (select from pg_stat_file('promote', true) f where f.size > -1)";
/** Replay that is not paused is not changed by this. One that is paused is not asked: a promotion ends the pause. */
const resumed = "(select pg_wal_replay_resume()::text where not pg_is_wal_replay_paused())";

/** What a role may not ask would be an error, and a line in the server's log. Asked in this order, from left to right. */
async function isPending(connection: Connection, { looks, resumes }: Row): Promise<boolean> {
  try {
    const [row] = await connection.query<{ asked: boolean }>(
      `select ${looks ? isAsked : "false"} as asked, ${resumes ? resumed : "null"} as resumed`,
    );
    return row?.asked === true;
  } catch (error) {
    // object_not_in_prerequisite_state: “standby promotion is ongoing”, or over just now.
    if (error instanceof BlackstartError && error.details.sqlstate === "55000") return true;
    throw error;
  }
}

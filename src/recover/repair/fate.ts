import { pollUntil } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { LookContext } from "../context.ts";
import { withPrimary } from "../primary.ts";
import { type BeforeImageHeader, readBeforeImage, readHeader } from "./before-image.ts";
import { textSettings } from "./tables.ts";
import { isThere } from "./put-back.ts";

/**
 * What became of the repairing transaction:
 *   none: it never got as far as its before-image, so it cannot have been committed;
 *   aborted, committed: the server says so;
 *   running: still open there (its process has died, the server has not noticed);
 *   unknown: the server cannot tell any more.
 */
export type Fate = "none" | "aborted" | "committed" | "running" | "unknown";

const runningTimeoutMs = 10_000;

/** Asks the primary, by the transaction's number in the before-image. Waits for one that is just ending. */
export async function fateOfRepair(context: LookContext, file: string): Promise<Fate> {
  const header = await readHeader(file);
  if (header === undefined) return "none";
  const ended = await pollUntil(
    async () => {
      const fate = await withPrimary(context, header.cluster, {}, ({ connection }) => ask(connection, header, file));
      return fate === "running" ? undefined : fate;
    },
    { everyMs: 100, timeoutMs: runningTimeoutMs },
  );
  return ended ?? "running";
}

async function ask(connection: Connection, header: BeforeImageHeader, file: string): Promise<Fate> {
  const [now] = await connection.query<{ system: string; timeline: number; next: string }>(
    `select system_identifier::text as system, pg_snapshot_xmax(pg_current_snapshot())::text as next,
        ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline from pg_control_system()`,
  );
  // After a failover the number may belong to another transaction: then only the rows themselves can tell.
  const same = now?.system === header.systemIdentifier && now.timeline === header.timelineId;
  if (!same) return await byRows(connection, file);
  if (BigInt(header.xid) >= BigInt(now.next)) return "running";
  const [row] = await connection.query<{ status: string | null }>("select pg_xact_status($1::xid8) as status", [
    header.xid,
  ]);
  switch (row?.status) {
    case "committed":
    case "aborted":
      return row.status;
    case "in progress":
      return "running";
    default:
      // Its status was removed long ago.
      return await byRows(connection, file);
  }
}

/** So many rows are looked for. */
const rowsAsked = 500;

async function byRows(connection: Connection, file: string): Promise<Fate> {
  let header: BeforeImageHeader | undefined;
  const found = { before: 0, after: 0, asked: 0, askedBefore: 0, askedAfter: 0 };
  await connection.query("begin read only");
  try {
    await connection.query(textSettings);
    for await (const line of readBeforeImage(file)) {
      if (line.kind === "repair") header = line;
      if (line.kind !== "before" && line.kind !== "after") continue;
      const table = header?.tables.find((each) => each.name === line.table);
      if (table === undefined || found.asked++ >= rowsAsked) break;
      if (line.kind === "before") found.askedBefore++;
      else found.askedAfter++;
      if (await isThere(connection, table, line.row)) found[line.kind]++;
    }
  } finally {
    // If the connection is gone, so is the transaction.
    await connection.query("rollback").catch(() => undefined);
  }
  if (found.before === 0 && found.after === found.askedAfter) return "committed";
  if (found.after === 0 && found.before === found.askedBefore) return "aborted";
  return "unknown";
}

import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "./connection.ts";
import { type Lsn, lsnBytes } from "./lsn.ts";

const query = `
select min(substr(name, 9)) as oldest, (select setting from pg_settings where name = 'wal_segment_size') as bytes
from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'`;

/**
 * Whether this server still has in pg_wal what a standby that holds the WAL up to there asks it for; undefined where our
 * role may not look (pg_monitor). Segments go in their order, whatever their timeline (xlog.c, RemoveOldXlogFiles).
 */
export async function keepsWalFrom(connection: Connection, lsn: Lsn): Promise<boolean | undefined> {
  try {
    const [row] = await connection.query<{ oldest: string | null; bytes: string }>(query);
    if (row?.oldest == null) return undefined;
    const bytes = BigInt(row.bytes);
    // The name ends with 8 digits of the position's upper half, and 8 of the segment within it (xlog_internal.h).
    const [upper, segment] = [row.oldest.slice(0, 8), row.oldest.slice(8)].map((digits) => BigInt(`0x${digits}`));
    return lsnBytes(lsn) / bytes >= ((upper as bigint) << 32n) / bytes + (segment as bigint);
  } catch (error) {
    if (error instanceof BlackstartError && error.details.sqlstate === "42501") return undefined;
    throw error;
  }
}

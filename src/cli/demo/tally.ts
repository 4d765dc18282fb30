import { readFile } from "node:fs/promises";
import { withConnection } from "../../drivers/postgres/connection.ts";

/**
 * How many of the transfers that customers were told are booked are not in the books with both their entries. Asked of
 * the server that the clients' address file names.
 */
export async function countLostWrites(addressFile: string, acknowledged: ReadonlySet<number>): Promise<number> {
  const address = (await readFile(addressFile, "utf8")).trim();
  return withConnection(`postgres://blackstart@${address}/postgres`, { queryTimeoutMs: 30_000 }, async (connection) => {
    const rows = await connection.query<{ id: string }>(
      "select transfer_id::text as id from entries group by transfer_id having count(*) = 2 and sum(amount) = 0",
    );
    const whole = new Set(rows.map((row) => Number(row.id)));
    return [...acknowledged].filter((id) => !whole.has(id)).length;
  });
}

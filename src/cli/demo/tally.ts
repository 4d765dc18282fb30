import { type Connection, withConnection } from "../../drivers/postgres/connection.ts";

/** How many of the transfers that customers were told are booked are not in the books with both their entries. */
export async function countLostWrites(primaryUrl: string, acknowledged: ReadonlySet<number>): Promise<number> {
  return withConnection(primaryUrl, { queryTimeoutMs: 30_000 }, async (connection) => {
    const whole = await wholeTransfers(connection);
    return [...acknowledged].filter((id) => !whole.has(id)).length;
  });
}

async function wholeTransfers(connection: Connection): Promise<ReadonlySet<number>> {
  const rows = await connection.query<{ id: string }>(
    "select transfer_id::text as id from entries group by transfer_id having count(*) = 2 and sum(amount) = 0",
  );
  return new Set(rows.map((row) => Number(row.id)));
}

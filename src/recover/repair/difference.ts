import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { type ImageOptions, readImages } from "./images.ts";
import { type Changes, notAsLeft } from "./put-back.ts";
import type { Row } from "./tables.ts";
import { type CountsByTable, touchedTables } from "./touched.ts";

/**
 * What is different from how it was before the repair, in any table that the transaction has touched: also what a
 * cascade or a trigger has done to rows that the repair had left alone. Throws REFUSED when a row is missing or changed.
 * @param undone what the observer still sees of the repair; nothing where its snapshot is older than the repair
 * @returns a sentence for each table that has more rows than before: what triggers write down, say
 */
export async function assertPutBack(
  connection: Connection,
  observer: Connection,
  { xmax, counts }: Readonly<{ xmax: string; counts: CountsByTable }>,
  undone: readonly Changes[],
  limits: Omit<ImageOptions, "take" | "samplesMax">,
): Promise<readonly string[]> {
  const rows = new Map<string, { table: string; row: Row; more: number }>();
  const count = (table: string, row: Row, more: number) => {
    const key = JSON.stringify([table, row]);
    const one = rows.get(key) ?? { table, row, more: 0 };
    one.more += more;
    if (one.more === 0) rows.delete(key);
    else rows.set(key, one);
  };
  for (const { table, before, after } of undone) {
    for (const row of before) count(table.name, row, -1);
    for (const row of after) count(table.name, row, 1);
  }
  const touched = await touchedTables(connection, counts);
  const images = await readImages(connection, observer, xmax, touched.tables, {
    ...limits,
    samplesMax: 0,
    take: async (kind, table, row) => count(table.name, row, kind === "after" ? 1 : -1),
  });
  const [doubt] = [...touched.doubts, ...images.doubts];
  if (doubt !== undefined) throw notCompared(doubt);
  const left = [...rows.values()];
  const missing = left.find(({ more }) => more < 0);
  if (missing !== undefined) throw notAsLeft({ name: missing.table }, missing.row);
  const tables = Map.groupBy(left, ({ table }) => table);
  return [...tables].map(
    ([table, added]) =>
      `${table}: ${added.reduce((sum, { more }) => sum + more, 0)} rows are added by the undo itself.`,
  );
}

function notCompared(doubt: string): BlackstartError {
  return new BlackstartError("REFUSED", {
    what: "The repair cannot be undone: whether every row is as it was cannot be seen.",
    why: `${doubt} Nothing was undone.`,
    next: "Put the rows right by hand; the before-image holds each as it was.",
  });
}

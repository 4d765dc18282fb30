import type { Connection } from "../../drivers/postgres/connection.ts";
import { keyOf, type Row, rowAsTexts, rowOf, type Table } from "./tables.ts";
import type { Counts, TouchedTable } from "./touched.ts";

/** One row that a repair changes. No `before`: it is new. No `after`: it is gone. */
export type RowChange = Readonly<{ table: string; before?: Row; after?: Row }>;

export type TableChanges = Readonly<{
  table: string;
  /** Rows new, changed (same primary key), gone; without a primary key a changed row counts as one gone, one new. */
  inserted: number;
  updated: number;
  deleted: number;
  /** What the transaction's statistics count: each touch of a row, also of one touched twice. */
  counted: Counts;
  /** Undefined: every row's image was kept. Else why not. */
  notKept?: string;
}>;

export type Images = Readonly<{
  tables: readonly TableChanges[];
  samples: readonly RowChange[];
  notes: readonly string[];
  doubts: readonly string[];
}>;

export type ImageOptions = Readonly<{
  /** A table with more bytes than this is not scanned; its changes are counted only. */
  scanBytesMax: number;
  /** More changed rows than this in all are refused. */
  rowsMax: number;
  timeoutMs: number;
  samplesMax: number;
  take(kind: "before" | "after", table: Table, row: Row): Promise<void>;
}>;

const rowsABatch = 2000;

/**
 * Every row that the repairing transaction has changed, as it was and as it is.
 *
 * `observer` holds the repairing transaction's own snapshot, taken before it had written anything. Both see the same
 * world, except that the repairing one also sees its own changes. So, by place (ctid):
 *   what the observer sees and the repairer does not, was changed or deleted by the repairer: a before-image;
 *   what the repairer sees and the observer does not, was written by the repairer: an after-image.
 * This holds for subtransactions, rows that others lock at the same time (multixacts), triggers and cascades alike.
 * To compare few rows only, each side first names candidates: there every row with an xmax, here every row whose xmin
 * is not older than the snapshot (an xmin from before the last wraparound may look so, which the comparison mends).
 */
export async function readImages(
  repairer: Connection,
  observer: Connection,
  snapshotXmax: string,
  touched: readonly TouchedTable[],
  options: ImageOptions,
): Promise<Images> {
  const result = {
    tables: [] as TableChanges[],
    samples: [] as RowChange[],
    notes: [] as string[],
    doubts: [] as string[],
  };
  let total = 0;
  for (const one of touched) {
    const { table, counted } = one;
    const countedAll = counted.inserted + counted.updated + counted.deleted;
    const notKept = whyNotScanned(one, options.scanBytesMax);
    if (notKept !== undefined) {
      if (countedAll === 0) continue;
      result.doubts.push(`${table.name}: ${notKept}; ${countsText(counted)} are counted, but not kept.`);
      result.tables.push({ table: table.name, ...counted, counted, notKept });
      continue;
    }
    const rows = new PairedRows(table, options.samplesMax - result.samples.length);
    const keep = async (kind: "before" | "after", row: Row) => {
      if (++total > options.rowsMax) throw new TooManyRows(options.rowsMax);
      rows.add(kind, row);
      await options.take(kind, table, row);
    };
    await eachUnseen(observer, repairer, table, "t.xmax::text <> '0'", options, (row) => keep("before", row));
    const young = `((t.xmin::text::bigint - ${BigInt(snapshotXmax) % 2n ** 32n}) & 4294967295) < 2147483648`;
    await eachUnseen(repairer, observer, table, young, options, (row) => keep("after", row));
    if (countedAll === 0 && rows.before + rows.after === 0) continue;
    result.samples.push(...rows.samples());
    const check = crossCheck(table.name, counted, rows.before, rows.after);
    result.notes.push(...check.notes);
    result.doubts.push(...check.doubts);
    const updated = rows.paired;
    result.tables.push({
      table: table.name,
      inserted: rows.after - updated,
      updated,
      deleted: rows.before - updated,
      counted,
    });
  }
  return result;
}

export class TooManyRows extends Error {
  readonly rowsMax: number;
  constructor(rowsMax: number) {
    super(`the repair changes more than ${rowsMax} rows`);
    this.rowsMax = rowsMax;
  }
}

/**
 * Do the images agree with the statistics? Each insert makes one row more, each delete one less, however often a row
 * is touched; and no more rows can have changed than touches were counted.
 */
export function crossCheck(
  table: string,
  { inserted, updated, deleted }: Counts,
  before: number,
  after: number,
): { notes: readonly string[]; doubts: readonly string[] } {
  const agrees = after - before === inserted - deleted && before <= updated + deleted && after <= inserted + updated;
  if (!agrees)
    return {
      notes: [],
      doubts: [
        `${table}: ${before} rows before and ${after} after were found, but ${countsText({ inserted, updated, deleted })} were counted.`,
      ],
    };
  const once = before === updated + deleted && after === inserted + updated;
  return { notes: once ? [] : [`${table}: some rows are touched more than once.`], doubts: [] };
}

function countsText({ inserted, updated, deleted }: Counts): string {
  return `${inserted} inserted, ${updated} updated, ${deleted} deleted`;
}

function whyNotScanned({ table, exclusive }: TouchedTable, scanBytesMax: number): string | undefined {
  if (exclusive) return "the repair locks it so that it cannot be read from outside";
  if (!table.readable) return "this role may not read all its rows";
  if (table.bytes > scanBytesMax) return `it has ${table.bytes} bytes, more than the ${scanBytesMax} that are searched`;
  return undefined;
}

/** Rows that match in `seeing` and that `other` does not see at the same place. */
async function eachUnseen(
  seeing: Connection,
  other: Connection,
  table: Table,
  condition: string,
  { timeoutMs }: ImageOptions,
  take: (row: Row) => Promise<void>,
): Promise<void> {
  const limit = { timeoutMs };
  await seeing.query(
    `declare blackstart_rows no scroll cursor for
      select t.ctid::text as place, ${rowAsTexts(table)} as texts from only ${table.name} as t where ${condition}`,
    [],
    limit,
  );
  for (;;) {
    const rows = await seeing.query<{ place: string; texts: string }>(
      `fetch ${rowsABatch} from blackstart_rows`,
      [],
      limit,
    );
    if (rows.length > 0) {
      const seen = await other.query<{ place: string }>(
        `select t.ctid::text as place from only ${table.name} as t where t.ctid = any($1::tid[])`,
        [rows.map(({ place }) => place)],
        limit,
      );
      const places = new Set(seen.map(({ place }) => place));
      for (const { place, texts } of rows) if (!places.has(place)) await take(rowOf(table, texts));
    }
    if (rows.length < rowsABatch) break;
  }
  await seeing.query("close blackstart_rows", [], limit);
}

/** Counts rows, finds those with the same key before and after, and keeps some. */
class PairedRows {
  before = 0;
  after = 0;
  paired = 0;
  readonly #table: Table;
  readonly #samplesMax: number;
  readonly #keys = new Set<string>();
  readonly #samples: { before?: Row; after?: Row }[] = [];

  constructor(table: Table, samplesMax: number) {
    this.#table = table;
    this.#samplesMax = samplesMax;
  }

  add(kind: "before" | "after", row: Row): void {
    this[kind]++;
    const key = keyOf(this.#table, row);
    if (kind === "before") {
      if (key !== undefined) this.#keys.add(key);
      if (this.#samples.length < this.#samplesMax) this.#samples.push({ before: row });
      return;
    }
    if (key !== undefined && this.#keys.has(key)) {
      this.paired++;
      const sample = this.#samples.find(({ before }) => before !== undefined && keyOf(this.#table, before) === key);
      if (sample !== undefined) sample.after = row;
    } else if (this.#samples.length < this.#samplesMax) this.#samples.push({ after: row });
  }

  samples(): readonly RowChange[] {
    return this.#samples.map((sample) => ({ table: this.#table.name, ...sample }));
  }
}

import { recordKinds } from "../describe/kinds.ts";
import { type OpenTransaction, TransactionTracker } from "../open-transactions.ts";
import { readWal, type WalEnd } from "../reader.ts";
import type { WalRecord } from "../record.ts";
import type { WalDirectory } from "../segments.ts";
import { ByteWriter } from "./byte-writer.ts";
import { writeJsonLine, writeTextLine } from "./lines.ts";
import { type DumpQuery, recordFilter } from "./query.ts";
import { type Counts, countRecord } from "./stats.ts";

/** `stats` and `open` give no lines: the one counts, the other follows the transactions. Plain data. */
export type ScanRequest = Readonly<{ format: "text" | "json" | "stats" | "open"; query: DumpQuery }>;

export type Scanned = Readonly<{
  end: WalEnd;
  /** Those that the query wants. */
  records: number;
  bytes: number;
  counts: Counts;
  /** Of the last record's page. */
  lastTimeline?: number;
  open?: Readonly<{ transactions: readonly OpenTransaction[]; complete: boolean }>;
}>;

/** What the first record of a stretch says of what lies before it. */
export type Joint = Readonly<{ previous: number; timeline: number }>;

/** Gives lines away. The memory is the receiver's until the promise is fulfilled, which may answer with other memory. */
export type Emit = (lines: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;

const writerBytes = 2 * 1024 * 1024;

/**
 * Reads a stretch and makes of its records what is asked for.
 * @param stretch.after records up to this one were shown already
 */
export async function scan(
  directory: WalDirectory,
  request: ScanRequest,
  stretch: Readonly<{
    from?: number;
    to?: number;
    after?: number;
    signal?: AbortSignal;
    began?: (joint: Joint) => void;
  }>,
  emit: Emit,
): Promise<Scanned> {
  const { after, began, ...range } = stretch;
  const out = new ByteWriter(request.format === "stats" || request.format === "open" ? 0 : writerBytes);
  const tracker = request.format === "open" ? new TransactionTracker(directory.version) : undefined;
  const counts: Counts = {};
  const show = shower(request, directory.version, out, counts, tracker);
  const wanted = recordFilter(request.query);
  const limit = request.query.limit ?? Number.POSITIVE_INFINITY;
  let [records, bytes, lastTimeline] = [0, 0, -1];
  const flush = async () => {
    if (out.at > 0) out.reset(await emit(out.written()));
  };
  const end = await readWal(directory, { ...range, between: flush }, (record) => {
    if (lastTimeline === -1) began?.({ previous: record.previous, timeline: record.timeline });
    lastTimeline = record.timeline;
    if (after !== undefined && record.lsn <= after) return;
    // A record with the right checksum that does not add up: its header is shown all the same.
    if (!record.decode()) record.forgetBlocks();
    if (wanted !== undefined && !wanted(record)) return;
    records++;
    bytes += record.totalBytes;
    show(record);
    if (records >= limit) return "stop";
  });
  await flush();
  const summary = tracker?.summary();
  return {
    end,
    records,
    bytes,
    counts,
    ...(lastTimeline === -1 ? {} : { lastTimeline }),
    ...(summary === undefined ? {} : { open: { transactions: summary.open, complete: summary.complete } }),
  };
}

function shower(
  { format }: ScanRequest,
  version: number,
  out: ByteWriter,
  counts: Counts,
  tracker: TransactionTracker | undefined,
): (record: WalRecord) => void {
  const kindOf = recordKinds(version);
  switch (format) {
    case "text":
      return (record) => writeTextLine(record, kindOf(record.resourceManager, record.info), version, out);
    case "json":
      return (record) => writeJsonLine(record, kindOf(record.resourceManager, record.info), version, out);
    case "stats":
      return (record) => countRecord(counts, record);
    case "open":
      return (record) => tracker?.visit(record);
    default: {
      const never: never = format;
      return never;
    }
  }
}

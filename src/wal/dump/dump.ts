import { availableParallelism, loadavg } from "node:os";
import { findWalFiles, type FoundFile, foundWalFiles } from "../archive/named-files.ts";
import type { WalEnd } from "../reader.ts";
import { openWalDirectory, type WalDirectory } from "../segments.ts";
import { type Emit, type Joint, scan, type Scanned, type ScanRequest } from "./scan.ts";
import { addCounts } from "./stats.ts";
import type { Stretch } from "./thread.ts";
import { ScanThreads } from "./threads.ts";

export type DumpRequest = ScanRequest &
  Readonly<{
    /** Files, folders, archives. */
    paths: readonly string[];
    timeline?: number;
    /** Default: as many as there are processors, or one on a machine that has more to do than they can. */
    threads?: number;
    signal?: AbortSignal;
  }>;

export type Dumped = Scanned & Readonly<{ directory: WalDirectory }>;

/** A stretch for a thread is at least so long; less is read sooner than a thread starts. */
const stretchBytesMin = 8 * 1024 * 1024;
const threadsMax = 8;

/**
 * Reads log and hands out a line for each record, in order; `stats` and `open` only sum up. Long log is read by several
 * threads. What they find is joined only where one's last record is the predecessor that the next one's first record
 * names; where it is not, what follows is read again in one piece, so the outcome is always that of reading in order.
 * @throws WAL_UNREADABLE
 */
export async function dumpWal(request: DumpRequest, emit: Emit): Promise<Dumped> {
  const found = await findWalFiles(request.paths);
  const files = foundWalFiles(found, request.paths.join(", "));
  try {
    const { timeline } = request;
    const directory = await openWalDirectory(files, timeline === undefined ? {} : { timeline });
    const stretches = stretchesOf(directory, request);
    const threads = Math.min(stretches.length, request.threads ?? usefulThreads(), threadsMax);
    const scanned =
      threads < 2
        ? await scan(directory, request, { ...rangeOf(request), signal: request.signal }, emit)
        : await scanInThreads(directory, found, request, stretches, threads, emit);
    return { ...scanned, directory };
  } finally {
    await files.close();
  }
}

/** Where others wait for the processors already, several threads cost more than they gain. */
function usefulThreads(): number {
  const processors = availableParallelism();
  return (loadavg()[0] ?? 0) > 2 * processors ? 1 : processors;
}

function rangeOf({ query: { from, to } }: ScanRequest): Partial<Stretch> {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/** Whole segments: after a log switch the rest of one is empty, so nothing can begin within it. */
function stretchesOf(directory: WalDirectory, request: DumpRequest): readonly Stretch[] {
  const { from = 0, to = Number.POSITIVE_INFINITY, limit } = request.query;
  // A few records are soon found; and transactions are followed from one record to the next.
  if (limit !== undefined || request.format === "open") return [];
  const each = Math.max(1, Math.floor(stretchBytesMin / directory.segmentBytes));
  const segments = directory.segments.filter(
    ({ startLsn }) => startLsn + directory.segmentBytes > from && startLsn < to,
  );
  const starts = segments.filter((_, index) => index % each === 0).map(({ startLsn }) => Math.max(startLsn, from));
  return starts.map((start, index) => {
    const end = starts[index + 1] ?? request.query.to;
    return { from: start, ...(end === undefined ? {} : { to: end }) };
  });
}

async function scanInThreads(
  directory: WalDirectory,
  found: readonly FoundFile[],
  request: DumpRequest,
  stretches: readonly Stretch[],
  count: number,
  emit: Emit,
): Promise<Scanned> {
  const { files: _, ...shape } = directory;
  const { format, query } = request;
  const threads = new ScanThreads({ found, shape, request: { format, query } }, stretches, count);
  const stop = () => void threads.close();
  request.signal?.addEventListener("abort", stop, { once: true });
  try {
    let all: Scanned | undefined;
    for (let index = 0; index < stretches.length; index++) {
      request.signal?.throwIfAborted();
      const next = await threads.scanned(index, (joint) => follows(all, joint), emit);
      if (next === "elsewhere") {
        const after = all?.end.lastLsn;
        const range = { ...rangeOf(request), ...(after === undefined ? {} : { from: after, after }) };
        return joined(all, await scan(directory, request, { ...range, signal: request.signal }, emit));
      }
      all = joined(all, next);
      if (next.end.kind !== "asked") break;
    }
    return all as Scanned;
  } finally {
    request.signal?.removeEventListener("abort", stop);
    await threads.close();
  }
}

/** Whether the next stretch begins where the last one ended. */
function follows(all: Scanned | undefined, { previous, timeline }: Joint): boolean {
  if (all?.end.lastLsn === undefined) return true;
  return previous === all.end.lastLsn && timeline >= (all.lastTimeline ?? 0);
}

function joined(before: Scanned | undefined, after: Scanned): Scanned {
  if (before === undefined) return after;
  addCounts(after.counts, before.counts);
  const firstLsn = before.end.firstLsn ?? after.end.firstLsn;
  const lastLsn = after.end.lastLsn ?? before.end.lastLsn;
  const end: WalEnd = {
    ...after.end,
    records: before.end.records + after.end.records,
    ...(firstLsn === undefined || lastLsn === undefined ? {} : { firstLsn, lastLsn }),
  };
  const lastTimeline = after.lastTimeline ?? before.lastTimeline;
  return {
    ...after,
    end,
    records: before.records + after.records,
    bytes: before.bytes + after.bytes,
    ...(lastTimeline === undefined ? {} : { lastTimeline }),
  };
}

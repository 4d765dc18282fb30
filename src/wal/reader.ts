import { lsnTextOf } from "./format.ts";
import { findWalBeyond } from "./beyond.ts";
import { PageDecoder, type Problem } from "./pages.ts";
import type { WalRecord } from "./record.ts";
import type { Segment, WalDirectory } from "./segments.ts";

/** Where and why reading ended. */
export type WalEnd = Readonly<{
  /**
   * `end`: nothing that was written follows; this is how the end of the log looks.
   * `damage`: something that was written follows, so what could not be read is a hole in the middle.
   * `asked`: the given end was reached.
   */
  kind: "end" | "damage" | "asked";
  /** The first byte that could not be read as a record. */
  lsn: number;
  /** In words, as PostgreSQL would say it. */
  reason: string;
  /** For `damage`: where written log begins again. */
  resumesAt?: number;
  records: number;
  /** The first record read; undefined when there was none. */
  firstLsn?: number;
}>;

export type ReadOptions = Readonly<{
  /** Begin with the first record at or after this place. Default: the first record of the first segment. */
  from?: number;
  /** End before the first record that begins at or after this place. */
  to?: number;
  signal?: AbortSignal;
}>;

/** Read at once; a multiple of every page size. */
const chunkBytes = 1024 * 1024;

/**
 * Reads records in order and gives each to `visit`, one object for all of them. Checked as the server checks them:
 * page headers, the chain of previous records, CRC-32C. Memory: one chunk and the longest record.
 */
export async function readWal(
  directory: WalDirectory,
  options: ReadOptions,
  visit: (record: WalRecord) => void,
): Promise<WalEnd> {
  const decoder = new PageDecoder(directory, options, visit);
  const chunk = new Uint8Array(Math.min(chunkBytes, directory.segmentBytes));
  const view = new DataView(chunk.buffer);
  const { pageBytes } = directory;
  for (const segment of fromSegment(directory, options.from)) {
    for (let offset = 0; offset < directory.segmentBytes; offset += chunk.length) {
      options.signal?.throwIfAborted();
      const chunkLsn = segment.startLsn + offset;
      if (decoder.skipsUntil >= chunkLsn + chunk.length) continue;
      const got = await directory.files.read(segment.name, offset, chunk);
      for (let at = 0; at + pageBytes <= got; at += pageBytes) {
        const problem = decoder.page(chunk, view, at, chunkLsn + at);
        if (problem !== undefined) return ended(directory, decoder, problem);
        if (decoder.reachedEnd)
          return { kind: "asked", lsn: decoder.nextLsn, reason: "the given end", ...read(decoder) };
      }
      if (got < chunk.length) {
        const lsn = chunkLsn + Math.floor(got / pageBytes) * pageBytes;
        return ended(directory, decoder, {
          lsn: decoder.nextLsn,
          pageLsn: lsn,
          reason: `${segment.name} is cut short`,
        });
      }
    }
  }
  const last = directory.segments.at(-1) as Segment;
  const lsn = last.startLsn + directory.segmentBytes;
  return {
    kind: "end",
    lsn: decoder.nextLsn,
    reason: `no segment follows ${last.name} (${lsnTextOf(lsn)})`,
    ...read(decoder),
  };
}

function fromSegment(directory: WalDirectory, from: number | undefined): readonly Segment[] {
  if (from === undefined) return directory.segments;
  return directory.segments.filter((segment) => segment.startLsn + directory.segmentBytes > from);
}

async function ended(directory: WalDirectory, decoder: PageDecoder, problem: Problem): Promise<WalEnd> {
  const resumesAt = await findWalBeyond(directory, problem);
  return {
    kind: resumesAt === undefined ? "end" : "damage",
    lsn: problem.lsn,
    reason: problem.reason,
    ...(resumesAt === undefined ? {} : { resumesAt }),
    ...read(decoder),
  };
}

function read(decoder: PageDecoder): Pick<WalEnd, "records" | "firstLsn"> {
  return { records: decoder.records, ...(decoder.firstLsn === -1 ? {} : { firstLsn: decoder.firstLsn }) };
}

import { lsnTextOf, segmentNameOf } from "./format.ts";
import { findWalBeyond } from "./beyond.ts";
import { ChecksummedBytes } from "./crc32c/crc32c.ts";
import { PageDecoder, type Problem, type Visit } from "./pages.ts";
import type { Segment, WalDirectory } from "./segments.ts";

/** Where and why reading ended. */
export type WalEnd = Readonly<{
  /**
   * `end`: nothing that was written follows; this is how the end of the log looks.
   * `damage`: something that was written follows, so what could not be read is a hole in the middle.
   * `cut`: the file is shorter than a segment, and none follows; what its rest held is not known.
   * `asked`: the given end was reached.
   */
  kind: "end" | "damage" | "cut" | "asked";
  /** The first byte that could not be read as a record. */
  lsn: number;
  /** In words, as PostgreSQL would say it. */
  reason: string;
  /** For `damage`: where written log begins again. */
  resumesAt?: number;
  /** For `end`: the files are used up to their last byte; more may have been written than is here. */
  usedUp?: true;
  records: number;
  /** The first and the last record read; undefined when there was none. */
  firstLsn?: number;
  lastLsn?: number;
}>;

export type ReadOptions = Readonly<{
  /** Begin with the first record at or after this place. Default: the first record of the first segment. */
  from?: number;
  /** End before the first record that begins at or after this place. */
  to?: number;
  signal?: AbortSignal;
  /** Awaited each time when about a megabyte of log was read: what `visit` has gathered can be passed on. */
  between?: () => Promise<void>;
}>;

/** Read at once; a multiple of every page size. */
const chunkBytes = 1024 * 1024;

/**
 * Reads records in order and gives each to `visit`, one object for all of them. Checked as the server checks them:
 * page headers, the chain of previous records, CRC-32C. Memory: one chunk and the longest record.
 */
export async function readWal(directory: WalDirectory, options: ReadOptions, visit: Visit): Promise<WalEnd> {
  const decoder = new PageDecoder(directory, options, visit);
  const chunk = new ChecksummedBytes(Math.min(chunkBytes, directory.segmentBytes));
  const { bytes } = chunk;
  const { pageBytes } = directory;
  for (const segment of fromSegment(directory, options.from)) {
    for (let offset = 0; offset < directory.segmentBytes; offset += bytes.length) {
      options.signal?.throwIfAborted();
      const chunkLsn = segment.startLsn + offset;
      if (decoder.skipsUntil >= chunkLsn + bytes.length) continue;
      const got = await directory.files.read(segment.name, offset, bytes);
      for (let at = 0; at + pageBytes <= got; at += pageBytes) {
        const problem = decoder.page(chunk, at, chunkLsn + at);
        if (problem !== undefined) return ended(directory, decoder, problem);
        if (decoder.reachedEnd)
          return { kind: "asked", lsn: decoder.nextLsn, reason: "the given end", ...read(decoder) };
      }
      await options.between?.();
      if (got < bytes.length) return cutShort(directory, decoder, segment, offset + got);
    }
  }
  const last = directory.segments.at(-1) as Segment;
  const next = segmentNameOf(last.timeline, last.startLsn + directory.segmentBytes, directory.segmentBytes);
  const reason = decoder.isWithinRecord
    ? `the record at ${lsnTextOf(decoder.nextLsn)} goes on in ${next}, which is not here`
    : `no segment follows ${last.name}`;
  return { kind: "end", lsn: decoder.nextLsn, reason, usedUp: true, ...read(decoder) };
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

async function cutShort(
  directory: WalDirectory,
  decoder: PageDecoder,
  segment: Segment,
  bytes: number,
): Promise<WalEnd> {
  const pageLsn = segment.startLsn + Math.floor(bytes / directory.pageBytes) * directory.pageBytes;
  const reason = `${segment.name} is cut short: it has ${bytes} bytes instead of ${directory.segmentBytes}`;
  const end = await ended(directory, decoder, { lsn: decoder.nextLsn, pageLsn, reason });
  return end.kind === "end" ? { ...end, kind: "cut" } : end;
}

function read(decoder: PageDecoder): Pick<WalEnd, "records" | "firstLsn" | "lastLsn"> {
  const { records, firstLsn, lastLsn } = decoder;
  return { records, ...(firstLsn === -1 ? {} : { firstLsn, lastLsn }) };
}

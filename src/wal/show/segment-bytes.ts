import { basename } from "node:path";
import { findWalFiles, foundWalFiles } from "../archive/named-files.ts";
import { ChecksummedBytes } from "../crc32c/crc32c.ts";
import {
  longHeaderBytes,
  pageFlag,
  recordBytesMax,
  recordHeaderBytes,
  shortHeaderBytes,
  walUnreadable,
} from "../format.ts";
import { PageDecoder } from "../pages.ts";
import type { WalRecord } from "../record.ts";
import { openWalDirectory } from "../segments.ts";
import { readSegmentHeader, type SegmentHeader } from "../segment-header.ts";

/** One segment, whole in memory. */
export type SegmentBytes = Readonly<{
  path: string;
  name: string;
  bytes: Uint8Array;
  header: SegmentHeader;
  startLsn: number;
}>;

/** A record as it lies in a segment. `wrong`: why it is none; its bytes are then what lies there. */
export type RecordPlace = Readonly<{ lsn: number; endLsn: number; record?: WalRecord; wrong?: string }>;

/**
 * Reads a segment, also a packed one.
 * @throws WAL_UNREADABLE
 */
export async function readSegment(path: string): Promise<SegmentBytes> {
  const files = foundWalFiles(await findWalFiles([path]), path);
  try {
    const listed = (await files.list()).filter(({ name }) => !name.endsWith(".history"));
    if (listed.length !== 1)
      throw walUnreadable({
        what: `${path} holds ${listed.length} segments.`,
        why: "The bytes of one file are shown.",
        next: `Name one of them: ${
          listed
            .slice(0, 3)
            .map(({ name }) => name)
            .join(", ") || "there is none"
        }.`,
      });
    const { segments, ...directory } = await openWalDirectory(files);
    const [segment] = segments;
    const name = segment?.name ?? basename(path);
    const header = await readSegmentHeader(files, name);
    const whole = new Uint8Array(directory.segmentBytes);
    const got = await files.read(name, 0, whole);
    const known = header ?? { ...directory, pageLsn: segment?.startLsn ?? 0 };
    return { path, name, bytes: whole.subarray(0, got), header: known, startLsn: segment?.startLsn ?? 0 };
  } finally {
    await files.close();
  }
}

/**
 * The records of a segment in order, and after each that cannot be read those that follow it, from the next page on.
 * @param visit answers true when it has seen enough
 */
export function walkRecords(segment: SegmentBytes, visit: (place: RecordPlace) => boolean): void {
  const { pageBytes } = segment.header;
  const chunk = new ChecksummedBytes(pageBytes);
  const pages = Math.floor(segment.bytes.length / pageBytes);
  let done = false;
  let decoder = decoderFrom(segment.startLsn);
  for (let page = 0; page < pages && !done; page++) {
    const pageLsn = segment.startLsn + page * pageBytes;
    chunk.bytes.set(segment.bytes.subarray(page * pageBytes, (page + 1) * pageBytes));
    const problem = decoder.page(chunk, 0, pageLsn);
    if (problem === undefined) continue;
    // Behind the end of the log nothing but empty pages follows: that is no record.
    const endLsn = pageLsn + pageBytes;
    done = visit({ lsn: problem.lsn, endLsn, wrong: problem.reason });
    decoder = decoderFrom(endLsn);
  }
  if (!done && decoder.isWithinRecord)
    visit({ lsn: decoder.nextLsn, endLsn: endOf(segment), wrong: "it goes on in the next segment" });

  function decoderFrom(from: number): PageDecoder {
    return new PageDecoder({ ...segment.header, timeline: 0xffffffff }, { from }, (record) => {
      const { lsn, endLsn } = record;
      if (!done) done = visit({ lsn, endLsn, record });
      return done ? "stop" : undefined;
    });
  }
}

export function endOf({ startLsn, bytes }: SegmentBytes): number {
  return startLsn + bytes.length;
}

/** A stretch of a record and where it lies in the file. */
export type Span = Readonly<{ offset: number; at: number; length: number }>;

/**
 * The bytes of the record that begins here, the page headers between them left out, as many as its length says or as
 * there are, and where they lie. Of a length that cannot be right only a header is given.
 */
export function recordBytes(
  segment: SegmentBytes,
  lsn: number,
): Readonly<{ bytes: Uint8Array; spans: readonly Span[] }> {
  const { pageBytes } = segment.header;
  const view = new DataView(segment.bytes.buffer, segment.bytes.byteOffset, segment.bytes.byteLength);
  const start = lsn - segment.startLsn;
  const promised = start + 4 <= segment.bytes.length ? view.getUint32(start, true) : 0;
  const isPlausible = promised >= recordHeaderBytes && promised <= Math.min(recordBytesMax, segment.bytes.length);
  const total = isPlausible ? promised : recordHeaderBytes;
  const spans: Span[] = [];
  let have = 0;
  for (let at = start; have < total && at < segment.bytes.length; ) {
    const page = Math.floor(at / pageBytes) * pageBytes;
    if (at === page) at += headerBytesAt(view, at);
    const length = Math.min(total - have, page + pageBytes - at, segment.bytes.length - at);
    if (length <= 0) break;
    spans.push({ offset: have, at, length });
    have += length;
    at = page + pageBytes;
  }
  const bytes = new Uint8Array(have);
  for (const { offset, at, length } of spans) bytes.set(segment.bytes.subarray(at, at + length), offset);
  return { bytes, spans };
}

/** The length of the page header that lies here, by its own flag. */
export function headerBytesAt(view: DataView, at: number): number {
  if (at + 4 > view.byteLength) return shortHeaderBytes;
  return (view.getUint16(at + 2, true) & pageFlag.long) !== 0 ? longHeaderBytes : shortHeaderBytes;
}

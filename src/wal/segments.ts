import type { BlackstartError } from "../base/error.ts";
import type { WalFiles } from "./files.ts";
import { lsnNumberOf, lsnTextOf, segmentNameOf, walUnreadable } from "./format.ts";
import { readSegmentHeader, type SegmentHeader, secondPageIsOf } from "./segment-header.ts";

/** One segment that is to be read: the file that holds this part of the log on this timeline. */
export type Segment = Readonly<{ name: string; number: number; timeline: number; startLsn: number; bytes: number }>;

export type WalDirectory = Readonly<{
  files: WalFiles;
  version: number;
  magic: number;
  systemIdentifier: bigint;
  segmentBytes: number;
  pageBytes: number;
  timeline: number;
  /** In the order of the log, without a gap, up to the last one in use (others lie there to be used again). */
  segments: readonly Segment[];
  /** Older files of this timeline that lie there too, but between which and the first segment some are missing. */
  leftOut: readonly string[];
}>;

/**
 * Finds out what lies in a directory: version, segment size, and the files that together are the log of one timeline.
 * @param options.timeline default: the newest that has a segment in use
 */
export async function openWalDirectory(files: WalFiles, options: { timeline?: number } = {}): Promise<WalDirectory> {
  const found = await files.list();
  const named = found.flatMap((file) => {
    const match = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?$/.exec(file.name);
    if (!match || file.bytes === 0) return [];
    const [timeline, high, low] = [match[1], match[2], match[3]].map((hex) => Number.parseInt(hex as string, 16));
    return [{ ...file, timeline: timeline as number, high: high as number, low: low as number, partial: !!match[4] }];
  });
  if (named.length === 0) throw nothingThere(files.place);
  const header = await firstHeader(files, named);
  const perHigh = 2 ** 32 / header.segmentBytes;
  const all = named.map((file) => ({ ...file, number: file.high * perHigh + file.low }));

  const timelines = [...new Set(all.map((file) => file.timeline))].sort((a, b) => b - a);
  const wanted = options.timeline === undefined ? timelines : [options.timeline];
  for (const timeline of wanted) {
    const begins = await timelineBegins(files, found, timeline, header.segmentBytes);
    const line = chain(all, begins, header.segmentBytes);
    const used = await inUse(files, line, header);
    if (used.length === 0) continue;
    const first = line.indexOf(used[0] as Segment);
    return { files, ...header, timeline, segments: used, leftOut: line.slice(0, first).map(({ name }) => name) };
  }
  throw named.length === 1 ? notInUse(named[0]?.name as string, header) : nothingThere(files.place);
}

type NamedFile = Readonly<{ name: string; bytes: number; timeline: number; number: number; partial: boolean }>;

/** The header of any file that has one: all files of a directory are of one server. Newest first. */
async function firstHeader(files: WalFiles, named: readonly { name: string }[]): Promise<SegmentHeader> {
  const order = [...named].sort((a, b) => (a.name < b.name ? 1 : -1));
  let refused: unknown;
  for (const { name } of order) {
    try {
      const header = await readSegmentHeader(files, name);
      if (header !== undefined) return header;
    } catch (error) {
      refused ??= error;
    }
  }
  throw refused ?? nothingThere(files.place);
}

/** Timeline → the segment in which it begins, from the history file (`00000003.history`: parent, LSN, reason). */
async function timelineBegins(
  files: WalFiles,
  found: readonly { name: string }[],
  timeline: number,
  segmentBytes: number,
): Promise<readonly { timeline: number; segment: number }[]> {
  const name = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const begins: { timeline: number; segment: number }[] = [];
  let begin = 0;
  if (found.some((file) => file.name === name)) {
    for (const line of (await files.text(name)).split("\n")) {
      const match = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line);
      if (!match) continue;
      begins.push({ timeline: Number(match[1]), segment: begin });
      begin = Math.floor(lsnNumberOf(match[2] as string) / segmentBytes);
    }
  }
  begins.push({ timeline, segment: begin });
  return begins.reverse();
}

/** For each segment number the file of the newest timeline that had begun by then. A whole file beats a partial one. */
function chain(
  all: readonly NamedFile[],
  begins: readonly { timeline: number; segment: number }[],
  segmentBytes: number,
): readonly Segment[] {
  const byNumber = new Map<number, NamedFile & { rank: number }>();
  for (const file of all) {
    const rank = begins.findIndex((begin) => begin.timeline === file.timeline && begin.segment <= file.number);
    if (rank === -1) continue;
    const other = byNumber.get(file.number);
    if (other === undefined || rank < other.rank || (rank === other.rank && other.partial))
      byNumber.set(file.number, { ...file, rank });
  }
  return [...byNumber.values()]
    .sort((a, b) => a.number - b.number)
    .map(({ name, number, timeline, bytes }) => ({ name, number, timeline, startLsn: number * segmentBytes, bytes }));
}

/**
 * The last unbroken run of segments up to the last one in use. Files beyond it were made ready for later or lie there
 * to be used again: their first page is zero or carries an older address.
 */
async function inUse(files: WalFiles, line: readonly Segment[], header: SegmentHeader): Promise<readonly Segment[]> {
  let last = line.length - 1;
  for (; last >= 0; last--) {
    const segment = line[last] as Segment;
    if (await carriesItsAddress(files, segment, header)) break;
  }
  if (last < 0) return [];
  let first = last;
  while (first > 0 && (line[first - 1] as Segment).number === (line[first] as Segment).number - 1) first--;
  return line.slice(first, last + 1);
}

async function carriesItsAddress(files: WalFiles, segment: Segment, expected: SegmentHeader): Promise<boolean> {
  const header = await readSegmentHeader(files, segment.name).catch(() => undefined);
  if (header?.magic === expected.magic && header.pageLsn === segment.startLsn) return true;
  return secondPageIsOf(files, segment, expected);
}

function nothingThere(place: string): BlackstartError {
  return walUnreadable({
    what: `No write-ahead log in use was found in ${place}.`,
    why: "There is no segment file there whose first page carries its own address.",
    next: "Name a pg_wal directory, a folder in which such files were kept (an archive), or the files themselves.",
    details: { place },
  });
}

function notInUse(name: string, { timeline, pageLsn, segmentBytes }: SegmentHeader): BlackstartError {
  return walUnreadable({
    what: `${name} holds no log of its own.`,
    why: `Its first page carries the address ${lsnTextOf(pageLsn)}, of the segment ${segmentNameOf(timeline, pageLsn, segmentBytes)}: the server renamed that file to write over it later, and has not begun.`,
    next: `To read what it held, copy it to a file called ${segmentNameOf(timeline, pageLsn, segmentBytes)} and name that.`,
  });
}

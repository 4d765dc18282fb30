import type { WalFiles } from "./files.ts";
import { longHeaderBytes, pageFlag, refusedMagic, shortHeaderBytes, versionOfMagic } from "./format.ts";

/** What the long header of a segment says. */
export type SegmentHeader = Readonly<{
  version: number;
  magic: number;
  timeline: number;
  pageLsn: number;
  systemIdentifier: bigint;
  segmentBytes: number;
  pageBytes: number;
}>;

/**
 * The header of a segment's first page. Where that page is damaged, what the second page and the file's size tell.
 * @returns undefined for a file that is empty, or was never written
 * @throws WAL_UNREADABLE for log of another version, and for what is no log
 */
export async function readSegmentHeader(files: WalFiles, name: string): Promise<SegmentHeader | undefined> {
  const bytes = new Uint8Array(longHeaderBytes);
  const got = await files.read(name, 0, bytes);
  const view = new DataView(bytes.buffer);
  const magic = view.getUint16(0, true);
  const header = got < longHeaderBytes ? undefined : longHeaderOf(view);
  if (header !== undefined) return header;
  const rebuilt = await headerBySecondPage(files, name, view);
  if (rebuilt !== undefined || got < longHeaderBytes || magic === 0) return rebuilt;
  throw refusedMagic(magic, name);
}

/** What a long page header says; undefined where it cannot be one. */
export function longHeaderOf(view: DataView): SegmentHeader | undefined {
  const magic = view.getUint16(0, true);
  const version = versionOfMagic(magic);
  const segmentBytes = view.getUint32(32, true);
  const pageBytes = view.getUint32(36, true);
  if (version === undefined || (view.getUint16(2, true) & pageFlag.long) === 0) return undefined;
  if (!isPowerOfTwo(segmentBytes, 2 ** 20, 2 ** 30) || !isPowerOfTwo(pageBytes, 1024, 65536)) return undefined;
  const pageLsn = view.getBigUint64(8, true);
  if (pageLsn >= BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return {
    version,
    magic,
    timeline: view.getUint32(4, true),
    pageLsn: Number(pageLsn),
    systemIdentifier: view.getBigUint64(24, true),
    segmentBytes,
    pageBytes,
  };
}

/** Whether the second page of this file is log of the place that the file is for: then only its first is damaged. */
export async function secondPageIsOf(
  files: WalFiles,
  segment: Readonly<{ name: string; startLsn: number }>,
  expected: SegmentHeader,
): Promise<boolean> {
  const found = await readShortHeader(files, segment.name, expected.pageBytes);
  return found?.magic === expected.magic && found.pageLsn === segment.startLsn + expected.pageBytes;
}

const pageSizes = [8192, 4096, 16384, 32768, 65536, 2048, 1024] as const;

/** The system's identifier is taken from where it stands in the first page, right or wrong. */
async function headerBySecondPage(files: WalFiles, name: string, first: DataView): Promise<SegmentHeader | undefined> {
  const segmentBytes = (await files.list()).find((file) => file.name === name)?.bytes ?? 0;
  if (!isPowerOfTwo(segmentBytes, 2 ** 20, 2 ** 30)) return undefined;
  for (const pageBytes of pageSizes) {
    const found = await readShortHeader(files, name, pageBytes);
    if (found === undefined || found.pageLsn % segmentBytes !== pageBytes) continue;
    const pageLsn = found.pageLsn - pageBytes;
    return { ...found, pageLsn, systemIdentifier: first.getBigUint64(24, true), segmentBytes, pageBytes };
  }
  return undefined;
}

async function readShortHeader(files: WalFiles, name: string, offset: number) {
  const bytes = new Uint8Array(shortHeaderBytes);
  if ((await files.read(name, offset, bytes)) < shortHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer);
  const magic = view.getUint16(0, true);
  const version = versionOfMagic(magic);
  const pageLsn = view.getBigUint64(8, true);
  if (version === undefined || pageLsn >= BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  if ((view.getUint16(2, true) & ~pageFlag.all) !== 0) return undefined;
  return { magic, version, timeline: view.getUint32(4, true), pageLsn: Number(pageLsn) };
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0;
}

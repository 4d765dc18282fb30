import { ChecksummedBytes } from "./crc32c/crc32c.ts";
import { isResourceManager, longHeaderBytes, pageFlag, recordHeaderBytes, shortHeaderBytes } from "./format.ts";
import { crcMatches, type Problem } from "./pages.ts";
import type { WalDirectory } from "./segments.ts";

/** How far behind a problem is looked for log that was written. */
const lookBytesMax = 256 * 1024 * 1024;

/** Read at once; a multiple of every page size. */
const chunkBytes = 1024 * 1024;

/**
 * Tells the end of the log from damage in its middle: is there, behind the place where reading ended, something that
 * was written after it? A page that carries its own address, or a record with a right checksum whose predecessor lies
 * at or behind the problem. Files that lie ready to be used again carry older addresses.
 *
 * After a power loss (not after a mere kill) pages may have reached the disk out of order; this looks like damage too.
 * @returns where written log begins again
 */
export async function findWalBeyond(directory: WalDirectory, problem: Problem): Promise<number | undefined> {
  const { pageBytes, segmentBytes } = directory;
  const chunk = new ChecksummedBytes(Math.min(chunkBytes, segmentBytes));
  const { bytes, view } = chunk;
  const until = problem.pageLsn + lookBytesMax;
  for (const segment of directory.segments) {
    if (segment.startLsn + segmentBytes <= problem.pageLsn) continue;
    const first = Math.max(0, problem.pageLsn - segment.startLsn);
    for (let offset = first; offset < segmentBytes && segment.startLsn + offset < until; offset += bytes.length) {
      const got = await directory.files.read(segment.name, offset, bytes);
      for (let at = 0; at + pageBytes <= got; at += pageBytes) {
        const pageLsn = segment.startLsn + offset + at;
        if (pageLsn === problem.pageLsn) {
          const found = recordBehind(chunk, at, directory, problem);
          if (found !== undefined) return found;
        } else if (isWritten(view, at, directory, pageLsn)) {
          return pageLsn;
        }
      }
      if (got < bytes.length) break;
    }
  }
  return undefined;
}

function isWritten(view: DataView, at: number, directory: WalDirectory, pageLsn: number): boolean {
  return (
    view.getUint16(at, true) === directory.magic &&
    (view.getUint16(at + 2, true) & ~pageFlag.all) === 0 &&
    Number(view.getBigUint64(at + 8, true)) === pageLsn &&
    view.getUint32(at + 4, true) <= directory.timeline
  );
}

/** A whole, right record on the page of the problem, behind the problem. `start`: where that page lies. */
function recordBehind(
  chunk: ChecksummedBytes,
  start: number,
  directory: WalDirectory,
  problem: Problem,
): number | undefined {
  const { bytes, view } = chunk;
  const header = problem.pageLsn % directory.segmentBytes === 0 ? longHeaderBytes : shortHeaderBytes;
  const end = start + directory.pageBytes;
  const base = problem.pageLsn - start;
  for (let at = start + Math.max(header, problem.lsn - problem.pageLsn + 8); at + recordHeaderBytes <= end; at += 8) {
    const total = view.getUint32(at, true);
    if (total < recordHeaderBytes || at + total > end) continue;
    const previous = Number(view.getBigUint64(at + 8, true));
    if (previous < problem.lsn || previous >= base + at) continue;
    if (!isResourceManager(bytes[at + 17] as number, directory.version)) continue;
    if (crcMatches(chunk, at, total)) return base + at;
  }
  return undefined;
}

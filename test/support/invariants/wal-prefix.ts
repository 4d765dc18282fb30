import { join } from "node:path";
import { type Ancestor, parseHistory } from "../../../src/drivers/postgres/history.ts";
import { localWalFiles, type WalFiles } from "../../../src/wal/files.ts";
import { lsnNumberOf, lsnTextOf, segmentNameOf } from "../../../src/wal/format.ts";
import { readWal, type WalEnd } from "../../../src/wal/reader.ts";
import { openWalDirectory, type WalDirectory } from "../../../src/wal/segments.ts";

/*
 * Each standby's WAL is a byte prefix of the primary's, on the line of history that they share. By the files in pg_wal and
 * our own reader alone: a server may say what it likes.
 */

/** The WAL on the disk of one server, and the timeline that it is on. */
export type WalOnDisk = Readonly<{ node: string; dataDirectory: string; timeline: number }>;

export type PrefixVerdict =
  /** `bytes`: so many were compared, up to where the standby's records end. */
  | Readonly<{ kind: "prefix"; bytes: number; endLsn: string }>
  | Readonly<{ kind: "differs"; lsn: string; why: string }>
  /** Nothing that both have: the primary has removed what the standby holds, or the standby holds none. */
  | Readonly<{ kind: "nothing-shared"; why: string }>;

/** The standby is read first: what it then holds, the primary had before it. Both may run. */
export async function walPrefix(primary: WalOnDisk, standby: WalOnDisk): Promise<PrefixVerdict> {
  const [theirs, its] = [filesOf(primary), filesOf(standby)];
  try {
    const [line, itsLine] = [await lineOf(theirs, primary.timeline), await lineOf(its, standby.timeline)];
    const at = line.findIndex(({ timelineId }) => timelineId === standby.timeline);
    if (at < 0) return { kind: "differs", lsn: "0/0", why: strayText(standby, primary) };
    const forked = itsLine.findIndex((part, index) => part.timelineId !== line[index]?.timelineId);
    if (forked >= 0) return { kind: "differs", lsn: line[forked]?.endLsn ?? "0/0", why: strayText(standby, primary) };
    const held = await openWalDirectory(its, { timeline: standby.timeline });
    const end = await settledEnd(held);
    if (end.kind === "damage") return { kind: "differs", lsn: lsnTextOf(end.lsn), why: end.reason };
    const forkLsn = at < line.length - 1 ? lsnNumberOf((line[at] as Ancestor).endLsn) : Number.POSITIVE_INFINITY;
    if (end.lsn > forkLsn)
      return {
        kind: "differs",
        lsn: lsnTextOf(forkLsn),
        why: `${standby.node} holds ${end.lsn - forkLsn} bytes of timeline ${standby.timeline} from beyond the fork`,
      };
    return await compare(held, await openWalDirectory(theirs, { timeline: primary.timeline }), end.lsn);
  } finally {
    await Promise.all([theirs.close(), its.close()]);
  }
}

/** Of a file that is just being written, a hole may be seen that is none: it is one if it is there again. */
async function settledEnd(held: WalDirectory): Promise<WalEnd> {
  let end = await readWal(held, {}, () => undefined);
  for (let look = 0; look < 5 && end.kind === "damage"; look++) {
    const again = await readWal(held, {}, () => undefined);
    if (again.lsn > end.lsn) return { ...end, kind: "end" };
    end = again;
  }
  return end;
}

function strayText(standby: WalOnDisk, primary: WalOnDisk): string {
  return `${standby.node} is on timeline ${standby.timeline}, which is not on the line of ${primary.node}, on timeline ${primary.timeline}`;
}

function filesOf({ dataDirectory }: WalOnDisk): WalFiles {
  return localWalFiles(join(dataDirectory, "pg_wal"));
}

/** The timelines up to this one, each with where it was left; the last has no end. */
async function lineOf(files: WalFiles, timeline: number): Promise<readonly Ancestor[]> {
  const tip = { timelineId: timeline, endLsn: "" };
  if (timeline === 1) return [tip];
  const name = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  return [...parseHistory(await files.text(name)), tip];
}

/** Segment by segment; the file of a segment may bear the name of the older timeline on one side and the newer's on the other. */
async function compare(held: WalDirectory, theirs: WalDirectory, endLsn: number): Promise<PrefixVerdict> {
  const size = held.segmentBytes;
  const [a, b] = [Buffer.alloc(size), Buffer.alloc(size)];
  let bytes = 0;
  for (const segment of held.segments) {
    const want = Math.min(size, endLsn - segment.startLsn);
    if (want <= 0) break;
    const other = theirs.segments.find(({ number }) => number === segment.number);
    if (other === undefined) {
      const isGone = segment.number < (theirs.segments[0]?.number ?? 0);
      if (isGone) continue;
      return {
        kind: "differs",
        lsn: lsnTextOf(segment.startLsn),
        why: `the primary has no ${segmentNameOf(theirs.timeline, segment.startLsn, size)}, and the standby holds records of it`,
      };
    }
    await held.files.read(segment.name, 0, a.subarray(0, want));
    await theirs.files.read(other.name, 0, b.subarray(0, want));
    const differs = firstDifference(a.subarray(0, want), b.subarray(0, want));
    if (differs !== undefined)
      return {
        kind: "differs",
        lsn: lsnTextOf(segment.startLsn + differs),
        why: `${segment.name} of the standby and ${other.name} of the primary differ at byte ${differs}`,
      };
    bytes += want;
  }
  if (bytes === 0) return { kind: "nothing-shared", why: "the primary has removed all that the standby holds" };
  return { kind: "prefix", bytes, endLsn: lsnTextOf(endLsn) };
}

function firstDifference(a: Buffer, b: Buffer): number | undefined {
  if (a.equals(b)) return undefined;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return at;
  return undefined;
}

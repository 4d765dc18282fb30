import { BlackstartError } from "../base/error.ts";
import type { JsonObject } from "../base/json.ts";

/**
 * The layout of the write-ahead log, little-endian, from PostgreSQL's `access/xlog_internal.h`, `xlogrecord.h` and
 * `rmgrlist.h`. An LSN is a plain number here: 2^53 bytes are 8 PiB of log, and a record then costs no BigInt.
 */
export const shortHeaderBytes = 24;
export const longHeaderBytes = 40;
export const recordHeaderBytes = 24;

/** `XLogRecordMaxSize` of 16 and later; no record that a server wrote is longer. */
export const recordBytesMax = 1020 * 1024 * 1024;

export const pageFlag = { continued: 0x01, long: 0x02, removable: 0x04, overwritten: 0x08, all: 0x0f } as const;

/** Block ids above the real ones. */
export const blockId = { max: 32, topLevelXid: 252, origin: 253, longData: 254, shortData: 255 } as const;
export const blockFlag = { forkMask: 0x0f, image: 0x10, data: 0x20, willInit: 0x40, sameRelation: 0x80 } as const;

export const forkNames = ["main", "fsm", "vm", "init"] as const;

/** Magic of the page header → major version, for the versions whose records are read here. */
const versionByMagic: ReadonlyMap<number, number> = new Map([
  [0xd106, 13],
  [0xd10d, 14],
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
]);

/** Known, but older or newer than what is read here: refused by name instead of misread. */
const otherMagics: ReadonlyMap<number, string> = new Map([
  [0xd07e, "9.4"],
  [0xd087, "9.5"],
  [0xd093, "9.6"],
  [0xd097, "10"],
  [0xd098, "11"],
  [0xd101, "12"],
]);

/** The major version that writes pages with this magic; undefined where none does whose records are read here. */
export function versionOfMagic(magic: number): number | undefined {
  return versionByMagic.get(magic);
}

/** Why a file whose first page has this magic is refused. */
export function refusedMagic(magic: number, file: string): BlackstartError {
  const other = otherMagics.get(magic) ?? (looksNewer(magic) ? "19 or newer" : undefined);
  const hex = `0x${magic.toString(16).toUpperCase().padStart(4, "0")}`;
  return walUnreadable({
    what: other === undefined ? `${file} is no write-ahead log.` : `${file} is write-ahead log of PostgreSQL ${other}.`,
    why: `Its first page has the magic ${hex}; the log of PostgreSQL 13 to 18 is read here.`,
    next:
      other === undefined
        ? "Name a segment of pg_wal or of an archive: a file with a name of 24 hexadecimal digits."
        : `Read it with the pg_waldump of PostgreSQL ${other}: the layout of its records is another.`,
    details: { magic: hex },
  });
}

/** Magics only grow, by a few a year. */
function looksNewer(magic: number): boolean {
  return magic > Math.max(...versionByMagic.keys()) && magic < 0xd180;
}

export function walUnreadable(say: { what: string; why: string; next: string; details?: JsonObject; cause?: unknown }) {
  return new BlackstartError("WAL_UNREADABLE", say);
}

export const resourceManager = { xlog: 0, transaction: 1, standby: 8 } as const;

/** `rmgrlist.h`; the order has not changed since 9.5, 10 added the last but none was removed. */
const resourceManagerNames = [
  "XLOG",
  "Transaction",
  "Storage",
  "CLOG",
  "Database",
  "Tablespace",
  "MultiXact",
  "RelMap",
  "Standby",
  "Heap2",
  "Heap",
  "Btree",
  "Hash",
  "Gin",
  "Gist",
  "Sequence",
  "SPGist",
  "BRIN",
  "CommitTs",
  "ReplicationOrigin",
  "Generic",
  "LogicalMessage",
] as const;

export function resourceManagerName(id: number): string {
  return resourceManagerNames[id] ?? `custom${String(id).padStart(3, "0")}`;
}

/** Built in, or registered by an extension (128 to 255, since 15). */
export function isResourceManager(id: number, version: number): boolean {
  return id < resourceManagerNames.length || (version >= 15 && id >= 128);
}

/** Rounds up to the alignment of records. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** A place beyond 2^53 cannot be right in any log that exists; the imprecise number never equals a real place. */
export function lsnAt(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

/** As PostgreSQL writes it: `0/3000148`. */
export function lsnTextOf(lsn: number): string {
  return `${Math.floor(lsn / 2 ** 32)
    .toString(16)
    .toUpperCase()}/${(lsn % 2 ** 32).toString(16).toUpperCase()}`;
}

/** The name of the segment file in which this place lies: timeline, and the segment's number in two parts. */
export function segmentNameOf(timeline: number, lsn: number, segmentBytes: number): string {
  const number = Math.floor(lsn / segmentBytes);
  const perHigh = 2 ** 32 / segmentBytes;
  return [timeline, Math.floor(number / perHigh), number % perHigh]
    .map((part) => part.toString(16).toUpperCase().padStart(8, "0"))
    .join("");
}

export function lsnNumberOf(text: string): number {
  const [high = "", low = ""] = text.split("/");
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}

/** All that can be: the built-in ones, then those of extensions. */
export function resourceManagerIds(): readonly number[] {
  return [...resourceManagerNames.keys(), ...Array.from({ length: 128 }, (_, index) => 128 + index)];
}

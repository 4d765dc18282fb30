import { crc32cEnd, crc32cStart, crc32cUpdate } from "./crc32c.ts";
import {
  aligned,
  isResourceManager,
  longHeaderBytes,
  lsnTextOf,
  pageFlag,
  recordBytesMax,
  recordHeaderBytes,
  resourceManager,
  shortHeaderBytes,
} from "./format.ts";
import { compressedMaskOf, WalRecord } from "./record.ts";

/** What could not be read. `pageLsn`: the page on which reading ended. */
export type Problem = Readonly<{ lsn: number; pageLsn: number; reason: string }>;

export type PageShape = Readonly<{
  version: number;
  magic: number;
  systemIdentifier: bigint;
  segmentBytes: number;
  pageBytes: number;
  timeline: number;
}>;

/**
 * Turns pages, given one after the other, into records. Pure: no files, no waiting.
 *
 *   seeking ─(a page where a record begins)─► between ─(a record that ends on its page)─► between
 *                                               │ └─(a log switch)─► skipping to the next segment ─► between
 *                                               └─(a record that does not)─► gathering ─(its last byte)─► between
 */
export class PageDecoder {
  records = 0;
  firstLsn = -1;
  /** Where the next record is expected. */
  nextLsn: number;
  /** Pages below this place hold nothing (rest of a segment after a switch). */
  skipsUntil = 0;
  reachedEnd = false;

  readonly #shape: PageShape;
  readonly #from: number;
  readonly #to: number;
  readonly #visit: (record: WalRecord) => void;
  readonly #record = new WalRecord();
  #seeking = true;
  #lastLsn = -1;
  #lastTimeline = 0;
  /** Bytes that are left of a record that began before the first page. */
  #seekBytes = 0;

  // The record that is being gathered over pages.
  #gathered = new Uint8Array(64 * 1024);
  #gatheredView = new DataView(this.#gathered.buffer);
  #have = 0;
  #need = 0;
  #startLsn = 0;

  constructor(shape: PageShape, range: { from?: number; to?: number }, visit: (record: WalRecord) => void) {
    this.#shape = shape;
    this.#from = range.from ?? 0;
    this.#to = range.to ?? Number.POSITIVE_INFINITY;
    this.#visit = visit;
    this.nextLsn = this.#from;
    this.#record.compressedMask = compressedMaskOf(shape.version);
  }

  /** The page that lies in `bytes[at … at + pageBytes)`. Answers what is wrong, if reading cannot go on. */
  page(bytes: Uint8Array, view: DataView, at: number, pageLsn: number): Problem | undefined {
    const { pageBytes } = this.#shape;
    if (pageLsn + pageBytes <= this.skipsUntil) return undefined;
    if (this.#seeking && this.#seekBytes === 0 && pageLsn + pageBytes <= this.#from) return undefined;
    const wrong = this.#checkHeader(view, at, pageLsn);
    const startLsn = this.#need > 0 ? this.#startLsn : Math.max(this.nextLsn, pageLsn);
    if (wrong !== undefined) return { lsn: startLsn, pageLsn, reason: wrong };

    const flags = view.getUint16(at + 2, true);
    const end = at + pageBytes;
    let offset = at + ((flags & pageFlag.long) !== 0 ? longHeaderBytes : shortHeaderBytes);
    const continued = (flags & pageFlag.continued) !== 0;
    const remaining = view.getUint32(at + 16, true);

    if (this.#seeking) {
      if (continued) {
        if (remaining > end - offset) return undefined;
        offset += aligned(remaining);
      }
      this.#seeking = false;
    } else if (this.#need > 0) {
      if ((flags & pageFlag.overwritten) !== 0) {
        // The server crashed within the record, and what followed was written over its rest.
        this.#need = 0;
      } else {
        const problem = this.#gather(bytes, offset, end, pageLsn, continued, remaining);
        if (problem !== undefined) return problem;
        if (this.#need > 0) return undefined;
        offset += aligned(remaining);
        if (this.skipsUntil > pageLsn + pageBytes - 1) return undefined;
      }
    } else if (continued) {
      return { lsn: startLsn, pageLsn, reason: `the rest of a record lies at ${lsnTextOf(pageLsn)} where none is due` };
    }
    return this.#records(bytes, view, offset, end, pageLsn - at);
  }

  #records(bytes: Uint8Array, view: DataView, start: number, end: number, base: number): Problem | undefined {
    const pageLsn = base + end - this.#shape.pageBytes;
    let offset = start;
    while (offset < end) {
      const lsn = base + offset;
      this.nextLsn = lsn;
      if (lsn >= this.#to) {
        this.reachedEnd = true;
        return undefined;
      }
      const total = view.getUint32(offset, true);
      const room = end - offset;
      if (total < recordHeaderBytes || total > recordBytesMax)
        return { lsn, pageLsn, reason: `invalid record length at ${lsnTextOf(lsn)}: ${total} bytes` };
      if (room >= recordHeaderBytes) {
        const wrong = this.#checkRecordHeader(view, offset, lsn);
        if (wrong !== undefined) return { lsn, pageLsn, reason: wrong };
      }
      if (total > room) {
        this.#beginGathering(bytes, offset, end, total, lsn);
        return undefined;
      }
      if (!crcMatches(bytes, view, offset, total)) return { lsn, pageLsn, reason: wrongCrc(lsn) };
      this.#emit(bytes, view, offset, total, lsn, lsn + aligned(total));
      if (this.skipsUntil > lsn) return undefined;
      offset += aligned(total);
    }
    this.nextLsn = base + end;
    return undefined;
  }

  #beginGathering(bytes: Uint8Array, offset: number, end: number, total: number, lsn: number): void {
    this.#need = total;
    this.#startLsn = lsn;
    this.#have = 0;
    this.#append(bytes, offset, end);
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    const have = this.#have + end - start;
    if (have > this.#gathered.length) {
      // Grows with what has come, not with what a possibly wrong length promises.
      const grown = new Uint8Array(Math.max(have, this.#gathered.length * 2));
      grown.set(this.#gathered.subarray(0, this.#have));
      this.#gathered = grown;
      this.#gatheredView = new DataView(grown.buffer);
    }
    this.#gathered.set(bytes.subarray(start, end), this.#have);
    this.#have = have;
  }

  #gather(
    bytes: Uint8Array,
    offset: number,
    end: number,
    pageLsn: number,
    continued: boolean,
    remaining: number,
  ): Problem | undefined {
    const lsn = this.#startLsn;
    if (!continued)
      return {
        lsn,
        pageLsn,
        reason: `the rest of the record at ${lsnTextOf(lsn)} is missing at ${lsnTextOf(pageLsn)}`,
      };
    if (remaining !== this.#need - this.#have)
      return {
        lsn,
        pageLsn,
        reason: `the record at ${lsnTextOf(lsn)} lacks ${this.#need - this.#have} bytes, but ${remaining} follow at ${lsnTextOf(pageLsn)}`,
      };
    this.#append(bytes, offset, Math.min(end, offset + remaining));
    const view = this.#gatheredView;
    if (this.#have >= recordHeaderBytes) {
      const wrong = this.#checkRecordHeader(view, 0, lsn);
      if (wrong !== undefined) return { lsn, pageLsn, reason: wrong };
    }
    if (this.#have < this.#need) return undefined;
    if (!crcMatches(this.#gathered, view, 0, this.#need)) return { lsn, pageLsn, reason: wrongCrc(lsn) };
    const total = this.#need;
    this.#need = 0;
    this.#emit(
      this.#gathered,
      view,
      0,
      total,
      lsn,
      pageLsn + (offset - (end - this.#shape.pageBytes)) + aligned(remaining),
    );
    return undefined;
  }

  #emit(bytes: Uint8Array, view: DataView, offset: number, total: number, lsn: number, endLsn: number): void {
    const record = this.#record;
    record.bytes = bytes;
    record.view = view;
    record.offset = offset;
    record.lsn = lsn;
    record.endLsn = endLsn;
    record.timeline = this.#lastTimeline;
    record.totalBytes = total;
    record.xid = view.getUint32(offset + 4, true);
    record.previous = lsnAt(view, offset + 8);
    record.info = bytes[offset + 16] as number;
    record.resourceManager = bytes[offset + 17] as number;
    this.#lastLsn = lsn;
    this.nextLsn = endLsn;
    if (record.resourceManager === resourceManager.xlog && (record.info & 0xf0) === logSwitch) {
      // Nothing follows a switch up to the end of its segment.
      const segment = this.#shape.segmentBytes;
      this.skipsUntil = Math.ceil(endLsn / segment) * segment;
      record.endLsn = this.skipsUntil;
      this.nextLsn = this.skipsUntil;
    }
    if (lsn < this.#from) return;
    this.records++;
    if (this.firstLsn === -1) this.firstLsn = lsn;
    this.#visit(record);
  }

  #checkHeader(view: DataView, at: number, pageLsn: number): string | undefined {
    const shape = this.#shape;
    const place = lsnTextOf(pageLsn);
    const magic = view.getUint16(at, true);
    if (magic !== shape.magic) return `invalid magic 0x${magic.toString(16).toUpperCase()} at ${place}`;
    const flags = view.getUint16(at + 2, true);
    if ((flags & ~pageFlag.all) !== 0) return `invalid info bits 0x${flags.toString(16)} at ${place}`;
    const isFirst = pageLsn % shape.segmentBytes === 0;
    if (((flags & pageFlag.long) !== 0) !== isFirst) return `a page header of the wrong length at ${place}`;
    if (isFirst) {
      if (view.getBigUint64(at + 24, true) !== shape.systemIdentifier) return `another system's log at ${place}`;
      if (view.getUint32(at + 32, true) !== shape.segmentBytes) return `another segment size at ${place}`;
      if (view.getUint32(at + 36, true) !== shape.pageBytes) return `another page size at ${place}`;
    }
    const address = lsnAt(view, at + 8);
    if (address !== pageLsn) return `unexpected page address ${lsnTextOf(address)} at ${place}`;
    const timeline = view.getUint32(at + 4, true);
    if (timeline < this.#lastTimeline || timeline > shape.timeline)
      return `out of sequence timeline ${timeline} at ${place}`;
    this.#lastTimeline = timeline;
    return undefined;
  }

  #checkRecordHeader(view: DataView, offset: number, lsn: number): string | undefined {
    const id = view.getUint8(offset + 17);
    if (!isResourceManager(id, this.#shape.version)) return `invalid resource manager ${id} at ${lsnTextOf(lsn)}`;
    const previous = lsnAt(view, offset + 8);
    if (this.#lastLsn === -1 ? previous >= lsn : previous !== this.#lastLsn)
      return `record with incorrect previous link ${lsnTextOf(previous)} at ${lsnTextOf(lsn)}`;
    return undefined;
  }
}

/** `XLOG_SWITCH`, `catalog/pg_control.h`. */
const logSwitch = 0x40;

/** A place beyond 2^53 cannot be right in any log that exists; the imprecise number never equals a real place. */
function lsnAt(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

/** The CRC covers what follows the header, then the header up to the CRC itself. */
export function crcMatches(bytes: Uint8Array, view: DataView, offset: number, total: number): boolean {
  const body = crc32cUpdate(crc32cStart, bytes, offset + recordHeaderBytes, offset + total);
  return crc32cEnd(crc32cUpdate(body, bytes, offset, offset + 20)) === view.getUint32(offset + 20, true);
}

function wrongCrc(lsn: number): string {
  return `incorrect checksum in the record at ${lsnTextOf(lsn)}`;
}

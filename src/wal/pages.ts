import { type ChecksummedBytes, crc32cEnd, crc32cStart } from "./crc32c/crc32c.ts";
import {
  aligned,
  isResourceManager,
  longHeaderBytes,
  lsnAt,
  pageFlag,
  recordBytesMax,
  recordHeaderBytes,
  resourceManager,
  segmentNameOf,
  shortHeaderBytes,
} from "./format.ts";
import { compressedMaskOf, WalRecord } from "./record.ts";
import { type PagePlace, walWords } from "./words.ts";

/** What could not be read, in PostgreSQL's words. `pageLsn`: the page on which reading ended. */
export type Problem = Readonly<{ lsn: number; pageLsn: number; reason: string }>;

export type PageShape = Readonly<{
  version: number;
  magic: number;
  systemIdentifier: bigint;
  segmentBytes: number;
  pageBytes: number;
  timeline: number;
}>;

/** Is given every record; answers "stop" when it wants no more. */
export type Visit = (record: WalRecord) => "stop" | void;

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
  lastLsn = -1;
  /** Where the next record is expected. */
  nextLsn: number;
  /** Pages below this place hold nothing (rest of a segment after a switch). */
  skipsUntil = 0;
  reachedEnd = false;

  readonly #shape: PageShape;
  readonly #from: number;
  readonly #to: number;
  readonly #visit: Visit;
  readonly #record = new WalRecord();
  #seeking = true;
  #lastTimeline = 0;

  // The record that is being gathered over pages.
  #gathered = new Uint8Array(64 * 1024);
  #gatheredView = new DataView(this.#gathered.buffer);
  #have = 0;
  #need = 0;
  #startLsn = 0;
  /** The checksum of what has come so far of it. */
  #crc = crc32cStart;

  constructor(shape: PageShape, range: { from?: number; to?: number }, visit: Visit) {
    this.#shape = shape;
    this.#from = range.from ?? 0;
    this.#to = range.to ?? Number.POSITIVE_INFINITY;
    this.#visit = visit;
    this.nextLsn = this.#from;
    this.#record.compressedMask = compressedMaskOf(shape.version);
  }

  /** A record has begun that is not complete yet. */
  get isWithinRecord(): boolean {
    return this.#need > 0;
  }

  /** The page that lies in `chunk.bytes[at … at + pageBytes)`. Answers what is wrong, if reading cannot go on. */
  page(chunk: ChecksummedBytes, at: number, pageLsn: number): Problem | undefined {
    const { view } = chunk;
    const { pageBytes } = this.#shape;
    if (pageLsn + pageBytes <= this.skipsUntil) return undefined;
    if (this.#seeking && pageLsn + pageBytes <= this.#from) return undefined;
    const wrong = this.#checkHeader(view, at, pageLsn);
    const startLsn = this.#need > 0 ? this.#startLsn : Math.max(this.nextLsn, pageLsn);
    if (wrong !== undefined) return { lsn: startLsn, pageLsn, reason: wrong };

    const flags = view.getUint16(at + 2, true);
    const end = at + pageBytes;
    const header = (flags & pageFlag.long) !== 0 ? longHeaderBytes : shortHeaderBytes;
    let offset = at + header;
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
        const problem = this.#gather(chunk, offset, end, pageLsn, continued, remaining);
        if (problem !== undefined) return problem;
        if (this.#need > 0 || this.reachedEnd) return undefined;
        offset += aligned(remaining);
        if (this.skipsUntil > pageLsn + pageBytes - 1) return undefined;
      }
    } else if (continued) {
      return { lsn: startLsn, pageLsn, reason: walWords.unaskedContinuation(pageLsn + header) };
    }
    return this.#records(chunk, offset, end, pageLsn - at);
  }

  #records(chunk: ChecksummedBytes, start: number, end: number, base: number): Problem | undefined {
    const { bytes, view } = chunk;
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
      if (total < recordHeaderBytes)
        return { lsn, pageLsn, reason: walWords.recordLength(this.#shape.version, lsn, total) };
      const wrong = room >= recordHeaderBytes ? this.#checkRecordHeader(view, offset, lsn) : undefined;
      if (wrong !== undefined) return { lsn, pageLsn, reason: wrong };
      if (total > room) {
        this.#need = total;
        this.#startLsn = lsn;
        this.#have = 0;
        this.#crc = crc32cStart;
        this.#append(chunk, offset, end);
        return undefined;
      }
      if (!crcMatches(chunk, offset, total)) return { lsn, pageLsn, reason: walWords.checksum(lsn) };
      this.#emit(bytes, view, offset, total, lsn, lsn + aligned(total));
      if (this.skipsUntil > lsn || this.reachedEnd) return undefined;
      offset += aligned(total);
    }
    this.nextLsn = base + end;
    this.reachedEnd = this.nextLsn >= this.#to;
    return undefined;
  }

  #append(chunk: ChecksummedBytes, start: number, end: number): void {
    const had = this.#have;
    const have = had + end - start;
    if (have > this.#gathered.length) {
      // Grows with what has come, not with what a possibly wrong length promises.
      const grown = new Uint8Array(Math.max(have, this.#gathered.length * 2));
      grown.set(this.#gathered.subarray(0, had));
      this.#gathered = grown;
      this.#gatheredView = new DataView(grown.buffer);
    }
    this.#gathered.set(chunk.bytes.subarray(start, end), had);
    this.#have = have;
    const bodyStart = start + Math.max(0, recordHeaderBytes - had);
    if (bodyStart < end) this.#crc = chunk.crc(this.#crc, bodyStart, end);
  }

  #gather(
    chunk: ChecksummedBytes,
    offset: number,
    end: number,
    pageLsn: number,
    continued: boolean,
    remaining: number,
  ): Problem | undefined {
    const lsn = this.#startLsn;
    const missing = this.#need - this.#have;
    if (!continued) return { lsn, pageLsn, reason: walWords.noContinuation(lsn) };
    if (remaining !== missing) return { lsn, pageLsn, reason: walWords.continuationLength(lsn, remaining, missing) };
    if (this.#need > recordBytesMax) return { lsn, pageLsn, reason: walWords.recordTooLong(lsn, this.#need) };
    this.#append(chunk, offset, Math.min(end, offset + remaining));
    const view = this.#gatheredView;
    if (this.#have >= recordHeaderBytes) {
      const wrong = this.#checkRecordHeader(view, 0, lsn);
      if (wrong !== undefined) return { lsn, pageLsn, reason: wrong };
    }
    if (this.#have < this.#need) return undefined;
    const crc = crc32cEnd(chunk.crcOf(this.#crc, this.#gathered.subarray(0, 20)));
    if (crc !== view.getUint32(20, true)) return { lsn, pageLsn, reason: walWords.checksum(lsn) };
    const total = this.#need;
    this.#need = 0;
    const endLsn = pageLsn + (offset - (end - this.#shape.pageBytes)) + aligned(remaining);
    this.#emit(this.#gathered, view, 0, total, lsn, endLsn);
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
    this.lastLsn = lsn;
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
    if (this.#visit(record) === "stop") this.reachedEnd = true;
  }

  /** `XLogReaderValidatePageHeader`, in its order. */
  #checkHeader(view: DataView, at: number, pageLsn: number): string | undefined {
    const shape = this.#shape;
    const magic = view.getUint16(at, true);
    if (magic !== shape.magic) return walWords.magic(this.#place(pageLsn), magic);
    const flags = view.getUint16(at + 2, true);
    if ((flags & ~pageFlag.all) !== 0) return walWords.infoBits(this.#place(pageLsn), flags);
    if ((flags & pageFlag.long) !== 0) {
      const system = view.getBigUint64(at + 24, true);
      if (system !== shape.systemIdentifier) return walWords.systemIdentifier(system, shape.systemIdentifier);
      if (view.getUint32(at + 32, true) !== shape.segmentBytes) return walWords.segmentSize();
      if (view.getUint32(at + 36, true) !== shape.pageBytes) return walWords.pageSize();
    } else if (pageLsn % shape.segmentBytes === 0) {
      return walWords.infoBits(this.#place(pageLsn), flags);
    }
    const address = lsnAt(view, at + 8);
    if (address !== pageLsn) return walWords.pageAddress(this.#place(pageLsn), address);
    const timeline = view.getUint32(at + 4, true);
    if (timeline < this.#lastTimeline)
      return walWords.olderTimeline(this.#place(pageLsn), timeline, this.#lastTimeline);
    if (timeline > shape.timeline) return walWords.otherTimeline(this.#place(pageLsn), timeline);
    this.#lastTimeline = timeline;
    return undefined;
  }

  #place(lsn: number): PagePlace {
    const { version, segmentBytes, timeline } = this.#shape;
    return { version, lsn, offset: lsn % segmentBytes, segment: segmentNameOf(timeline, lsn, segmentBytes) };
  }

  /** `ValidXLogRecordHeader`, in its order. */
  #checkRecordHeader(view: DataView, offset: number, lsn: number): string | undefined {
    const id = view.getUint8(offset + 17);
    if (!isResourceManager(id, this.#shape.version)) return walWords.resourceManager(lsn, id);
    const previous = lsnAt(view, offset + 8);
    if (this.lastLsn === -1 ? previous >= lsn : previous !== this.lastLsn) return walWords.previousLink(lsn, previous);
    return undefined;
  }
}

/** `XLOG_SWITCH`, `catalog/pg_control.h`. */
const logSwitch = 0x40;

/** The CRC covers what follows the header, then the header up to the CRC itself. */
export function crcMatches(chunk: ChecksummedBytes, offset: number, total: number): boolean {
  const body = chunk.crc(crc32cStart, offset + recordHeaderBytes, offset + total);
  return crc32cEnd(chunk.crc(body, offset, offset + 20)) === chunk.view.getUint32(offset + 20, true);
}

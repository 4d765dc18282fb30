import { blockFlag, blockId, recordHeaderBytes } from "./format.ts";

/** A block that a record touches. One object a slot, used again for every record. */
export type BlockReference = {
  id: number;
  fork: number;
  hasImage: boolean;
  tablespace: number;
  database: number;
  relation: number;
  block: number;
  /** Bytes of the full-page image as they lie in the log. */
  imageBytes: number;
  imageInfo: number;
  dataBytes: number;
};

/**
 * The record under the cursor. The reader uses one object for all records: keep nothing of it beyond the visit.
 * The header is there at once; blocks and main data after `decode()`.
 */
export class WalRecord {
  lsn = 0;
  /** Where the next record begins (or the page header before it). */
  endLsn = 0;
  timeline = 0;
  previous = 0;
  totalBytes = 0;
  xid = 0;
  info = 0;
  resourceManager = 0;
  /** The record's bytes: `bytes[offset … offset + totalBytes)`; `view` shows the same memory. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  offset = 0;

  blockCount = 0;
  readonly blocks: BlockReference[] = [];
  /** Bytes of all full-page images. */
  imageBytes = 0;
  /** The top-level transaction, where the record names it (wal_level logical); else 0. */
  topXid = 0;
  mainOffset = 0;
  mainBytes = 0;

  /** Reads the block headers. False when they do not add up to the record's length. */
  decode(): boolean {
    const end = this.offset + this.totalBytes;
    let at = this.offset + recordHeaderBytes;
    // Bytes that the headers read so far promise to follow them.
    let promised = 0;
    let last: BlockReference | undefined;
    this.blockCount = 0;
    this.imageBytes = 0;
    this.topXid = 0;
    this.mainBytes = 0;
    while (end - at > promised) {
      const id = this.bytes[at++] as number;
      if (id === blockId.shortData || id === blockId.longData) {
        const wide = id === blockId.longData ? 4 : 1;
        if (at + wide > end) return false;
        this.mainBytes = wide === 1 ? (this.bytes[at] as number) : this.view.getUint32(at, true);
        at += wide;
        promised += this.mainBytes;
        // By convention the main data's header is the last one.
        break;
      }
      if (id === blockId.origin) {
        at += 2;
      } else if (id === blockId.topLevelXid) {
        if (at + 4 > end) return false;
        this.topXid = this.view.getUint32(at, true);
        at += 4;
      } else if (id <= blockId.max) {
        const slot = this.#slot();
        at = this.#readBlock(slot, id, at, end, last);
        if (at < 0) return false;
        last = slot;
        promised += slot.imageBytes + slot.dataBytes;
        this.imageBytes += slot.imageBytes;
      } else {
        return false;
      }
    }
    if (end - at !== promised) return false;
    this.mainOffset = end - this.mainBytes;
    return true;
  }

  /** After a `decode` that failed: nothing of what it read so far is to be believed. */
  forgetBlocks(): void {
    this.blockCount = 0;
    this.imageBytes = 0;
    this.topXid = 0;
    this.mainBytes = 0;
    this.mainOffset = this.offset + this.totalBytes;
  }

  #slot(): BlockReference {
    const index = this.blockCount++;
    const found = this.blocks[index];
    if (found !== undefined) return found;
    const made: BlockReference = {
      id: 0,
      fork: 0,
      hasImage: false,
      tablespace: 0,
      database: 0,
      relation: 0,
      block: 0,
      imageBytes: 0,
      imageInfo: 0,
      dataBytes: 0,
    };
    this.blocks.push(made);
    return made;
  }

  /** @returns where the next header begins, or −1 when this one cannot be right */
  #readBlock(slot: BlockReference, id: number, start: number, end: number, last: BlockReference | undefined): number {
    let at = start;
    if (at + 3 > end) return -1;
    const flags = this.bytes[at] as number;
    slot.id = id;
    slot.fork = flags & blockFlag.forkMask;
    slot.hasImage = (flags & blockFlag.image) !== 0;
    slot.dataBytes = this.view.getUint16(at + 1, true);
    slot.imageBytes = 0;
    slot.imageInfo = 0;
    at += 3;
    if (slot.hasImage) {
      if (at + 5 > end) return -1;
      slot.imageBytes = this.view.getUint16(at, true);
      slot.imageInfo = this.bytes[at + 4] as number;
      at += 5;
      // A hole's length is only written when the image is compressed (bit 2 is "compressed" up to 14 and "apply"
      // from 15 on; from 15 on bits 4, 8 and 16 are the methods, and up to 14 bit 4 is "apply").
      if ((slot.imageInfo & 0x01) !== 0 && (slot.imageInfo & this.compressedMask) !== 0) at += 2;
    }
    if ((flags & blockFlag.sameRelation) === 0) {
      if (at + 12 > end) return -1;
      slot.tablespace = this.view.getUint32(at, true);
      slot.database = this.view.getUint32(at + 4, true);
      slot.relation = this.view.getUint32(at + 8, true);
      at += 12;
    } else {
      if (last === undefined) return -1;
      slot.tablespace = last.tablespace;
      slot.database = last.database;
      slot.relation = last.relation;
    }
    if (at + 4 > end) return -1;
    slot.block = this.view.getUint32(at, true);
    return at + 4;
  }

  /** Which bits of the image info mean "compressed"; set by the reader from the version. */
  compressedMask = 0x1c;
}

/** The bits of a block image's info byte that mean it is compressed, by major version (`xlogrecord.h`). */
export function compressedMaskOf(version: number): number {
  return version <= 14 ? 0x02 : 0x1c;
}

import { resourceManager } from "./format.ts";
import type { WalRecord } from "./record.ts";

/**
 * What a record says about the fate of transactions (`access/xact.h`, `storage/standbydefs.h`).
 * `xid` is the top-level transaction; `subxids` those within it that share its fate.
 */
export type TransactionEvent =
  | Readonly<{ kind: "commit" | "abort"; xid: number; subxids: readonly number[]; at: number; gid?: string }>
  | Readonly<{
      kind: "prepare";
      xid: number;
      subxids: readonly number[];
      at: number;
      gid: string;
      /** Oids of the role and the database. */
      owner: number;
      database: number;
    }>
  | Readonly<{ kind: "assignment"; xid: number; subxids: readonly number[] }>
  | Readonly<{
      kind: "running";
      /** Open top-level transactions, and (not told apart) their subtransactions where they were known. */
      xids: readonly number[];
      topCount: number;
      /** The subtransactions did not all fit; the top-level ones are complete. */
      overflowed: boolean;
      nextXid: number;
      oldestXid: number;
    }>
  | Readonly<{ kind: "shutdown" }>;

/** Milliseconds since 1970, with the microseconds as a fraction, of a TimestampTz (microseconds since 2000). */
const epochMs = Date.UTC(2000, 0, 1);

const xinfo = { database: 1, subxacts: 2, relations: 4, messages: 8, twoPhase: 16, gid: 128, statistics: 256 } as const;

/**
 * Reads a decoded record of the transaction, standby and xlog resource managers; undefined for every other, and for
 * one that is too short for what it promises.
 */
export function transactionEvent(record: WalRecord, version: number): TransactionEvent | undefined {
  try {
    switch (record.resourceManager) {
      case resourceManager.transaction:
        return transactionRecord(record, version);
      case resourceManager.standby:
        return (record.info & 0xf0) === 0x10 ? runningTransactions(record) : undefined;
      case resourceManager.xlog:
        // A server that was shut down in order had no transaction open.
        return (record.info & 0xf0) === 0x00 ? { kind: "shutdown" } : undefined;
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function transactionRecord(record: WalRecord, version: number): TransactionEvent | undefined {
  switch (record.info & 0x70) {
    case 0x00:
    case 0x30:
      return completion(record, version, "commit");
    case 0x20:
    case 0x40:
      return completion(record, version, "abort");
    case 0x10:
      return prepare(record, version);
    case 0x50: {
      const body = new Body(record);
      const xid = body.u32();
      return { kind: "assignment", xid, subxids: body.xids(body.u32()) };
    }
    default:
      return undefined;
  }
}

/** `ParseCommitRecord` and `ParseAbortRecord` of `rmgrdesc/xactdesc.c`. */
function completion(record: WalRecord, version: number, kind: "commit" | "abort"): TransactionEvent {
  const body = new Body(record);
  const at = body.timestamp();
  const info = (record.info & 0x80) !== 0 ? body.u32() : 0;
  if (info & xinfo.database) body.skip(8);
  const subxids = info & xinfo.subxacts ? body.xids(body.u32()) : [];
  if (info & xinfo.relations) body.skip(12 * body.u32());
  if (info & xinfo.statistics) body.skip((version >= 18 ? 16 : 12) * body.u32());
  if (kind === "commit" && info & xinfo.messages) body.skip(16 * body.u32());
  if ((info & xinfo.twoPhase) === 0) return { kind, xid: record.xid, subxids, at };
  const xid = body.u32();
  return { kind, xid, subxids, at, ...(info & xinfo.gid ? { gid: body.text() } : {}) };
}

/** `xl_xact_prepare`; 15 added two counts of dropped statistics. */
function prepare(record: WalRecord, version: number): TransactionEvent {
  const body = new Body(record);
  body.skip(8);
  const xid = body.u32();
  const database = body.u32();
  const at = body.timestamp();
  const owner = body.u32();
  const subxactCount = body.u32();
  body.skip(8 + (version >= 15 ? 8 : 0) + 4);
  body.skip(2);
  const gidBytes = body.u16();
  body.align(8);
  body.skip(16);
  const gid = body.text(gidBytes);
  body.align(8);
  return { kind: "prepare", xid, subxids: body.xids(subxactCount), at, gid, owner, database };
}

/** `xl_running_xacts` */
function runningTransactions(record: WalRecord): TransactionEvent {
  const body = new Body(record);
  const topCount = body.u32();
  const subxactCount = body.u32();
  const overflowed = body.u32() % 256 !== 0;
  const nextXid = body.u32();
  const oldestXid = body.u32();
  body.skip(4);
  return { kind: "running", xids: body.xids(topCount + subxactCount), topCount, overflowed, nextXid, oldestXid };
}

/** A record's main data, read from front to back. Reading past its end throws a RangeError. */
class Body {
  readonly #record: WalRecord;
  readonly #start: number;
  readonly #end: number;
  #at: number;

  constructor(record: WalRecord) {
    this.#record = record;
    this.#start = record.mainOffset;
    this.#end = record.mainOffset + record.mainBytes;
    this.#at = this.#start;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes < 0 || at + bytes > this.#end) throw new RangeError("the record is too short");
    this.#at += bytes;
    return at;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  align(bytes: number): void {
    const past = (this.#at - this.#start) % bytes;
    if (past !== 0) this.skip(bytes - past);
  }

  u16(): number {
    return this.#record.view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#record.view.getUint32(this.#take(4), true);
  }

  timestamp(): number {
    return epochMs + Number(this.#record.view.getBigInt64(this.#take(8), true)) / 1000;
  }

  xids(count: number): number[] {
    const at = this.#take(4 * count);
    return Array.from({ length: count }, (_, index) => this.#record.view.getUint32(at + 4 * index, true));
  }

  /** Up to a zero byte; with `bytes`, that many including it. */
  text(bytes?: number): string {
    const all = this.#record.bytes.subarray(this.#at, bytes === undefined ? this.#end : this.#at + bytes);
    const zero = all.indexOf(0);
    this.skip(bytes ?? (zero === -1 ? all.length : zero + 1));
    return Buffer.from(zero === -1 ? all : all.subarray(0, zero)).toString("utf8");
  }
}

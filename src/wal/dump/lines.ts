import type { RecordKind } from "../describe/kinds.ts";
import { forkNames } from "../format.ts";
import type { BlockReference, WalRecord } from "../record.ts";
import { ascii, type ByteWriter } from "./byte-writer.ts";
import { writeDetails } from "./details.ts";

/** One line a record is never longer, but for texts, which see to their room themselves. */
const lineBytesMax = 16 * 1024;

/**
 * `0/1563A30  prev 0/15639F8  xid 745  57 B  Heap INSERT  off 3, flags 0x08; rel 1663/5/16385 blk 0 FPI 132 B`
 */
export function writeTextLine(record: WalRecord, kind: RecordKind, version: number, out: ByteWriter): void {
  out.ensure(lineBytesMax);
  const start = out.at;
  out.lsn(record.lsn);
  out.column(start, 14);
  out.copy(words.prev);
  out.lsn(record.previous);
  out.column(start, 33);
  out.copy(words.xid);
  out.decimal(record.xid);
  out.column(start, 48);
  out.decimal(record.totalBytes);
  out.copy(words.bytes);
  out.column(start, 58);
  out.copy(kind.titleBytes);
  const details = out.at;
  out.column(start, 80);
  const from = out.at;
  writeDetails(record, kind, version, out);
  if (out.at === from && record.blockCount === 0) out.at = details;
  for (let index = 0; index < record.blockCount; index++) {
    if (out.at !== from) out.copy(words.next);
    writeBlock(record.blocks[index] as BlockReference, out);
  }
  out.bytes[out.at++] = 0x0a;
}

const words = {
  prev: ascii("prev "),
  xid: ascii("xid "),
  bytes: ascii(" B"),
  next: ascii("; "),
  block: ascii(" blk "),
  image: ascii(" FPI "),
};

function writeBlock(block: BlockReference, out: ByteWriter): void {
  out.copy(relationText(block));
  if (block.fork !== 0) out.ascii(` ${forkName(block.fork)}`);
  out.copy(words.block);
  out.decimal(block.block);
  if (!block.hasImage) return;
  out.copy(words.image);
  out.decimal(block.imageBytes);
  out.copy(words.bytes);
}

/** The relations met last, by the lowest bits of their number: nearly every record touches one of a few. */
const met: { tablespace: number; database: number; relation: number; text: Uint8Array }[] = [];
const metMax = 64;

/** `rel 1663/5/16385` */
function relationText({ tablespace, database, relation }: BlockReference): Uint8Array {
  const last = met[relation % metMax];
  if (last?.relation === relation && last.database === database && last.tablespace === tablespace) return last.text;
  const text = ascii(`rel ${tablespace}/${database}/${relation}`);
  met[relation % metMax] = { tablespace, database, relation, text };
  return text;
}

/** One JSON object a record, with a new line behind it. */
export function writeJsonLine(record: WalRecord, kind: RecordKind, version: number, out: ByteWriter): void {
  out.ensure(lineBytesMax);
  out.ascii('{"lsn":"');
  out.lsn(record.lsn);
  out.ascii('","prev":"');
  out.lsn(record.previous);
  out.ascii('","xid":');
  out.decimal(record.xid);
  out.ascii(',"rmgr":"');
  out.ascii(kind.manager);
  out.ascii('","info":');
  out.decimal(record.info);
  out.ascii(',"type":"');
  out.ascii(kind.type);
  out.ascii('","length":');
  out.decimal(record.totalBytes);
  out.ascii(',"description":');
  writeJsonDetails(record, kind, version, out);
  out.ascii(',"blocks":[');
  for (let index = 0; index < record.blockCount; index++) {
    if (index > 0) out.ascii(",");
    writeJsonBlock(record.blocks[index] as BlockReference, out);
  }
  out.ascii("]}\n");
}

function writeJsonDetails(record: WalRecord, kind: RecordKind, version: number, out: ByteWriter): void {
  const start = out.at;
  out.ascii('"');
  writeDetails(record, kind, version, out);
  // Texts of clients stand there in quotes: then it is a string that has to be quoted again.
  const written = out.bytes.subarray(start + 1, out.at);
  if (!written.includes(0x22)) return out.ascii('"');
  const text = JSON.stringify(Buffer.from(written).toString("utf8"));
  out.at = start;
  out.text(text);
}

function writeJsonBlock(block: BlockReference, out: ByteWriter): void {
  out.ascii('{"id":');
  out.decimal(block.id);
  out.ascii(',"tablespace":');
  out.decimal(block.tablespace);
  out.ascii(',"database":');
  out.decimal(block.database);
  out.ascii(',"relation":');
  out.decimal(block.relation);
  out.ascii(',"fork":"');
  out.ascii(forkName(block.fork));
  out.ascii('","block":');
  out.decimal(block.block);
  if (block.hasImage) {
    out.ascii(',"imageBytes":');
    out.decimal(block.imageBytes);
  }
  out.ascii("}");
}

function forkName(fork: number): string {
  return forkNames[fork] ?? `fork ${fork}`;
}

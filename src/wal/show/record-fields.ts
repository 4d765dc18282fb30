import { crc32c } from "../crc32c/crc32c.ts";
import { recordKinds } from "../describe/kinds.ts";
import {
  blockFlag,
  blockId,
  forkNames,
  isResourceManager,
  lsnAt,
  lsnTextOf,
  recordHeaderBytes,
  resourceManagerName,
} from "../format.ts";
import { compressedMaskOf } from "../record.ts";
import { dataFields, type DataPart } from "./data-fields.ts";
import { bitWords, type Field, FieldReader, hexOf } from "./fields.ts";

/**
 * The fields of a record (`XLogRecord` and what follows it, `access/xlogrecord.h`), however wrong they are.
 * @param record its bytes without the page headers between them; fewer than its length says when there are no more
 */
export function recordFields(record: Uint8Array, lsn: number, version: number): readonly Field[] {
  const reader = new FieldReader(record);
  if (record.length < recordHeaderBytes) {
    reader.add("xl_tot_len", 4, { wrong: `${reader.view.getUint32(0, true)} bytes: less than a header has` });
    return reader.fields;
  }
  const info = record[16] as number;
  const manager = record[17] as number;
  addHeader(reader, record, lsn, version);
  const total = reader.view.getUint32(0, true);
  if (total !== record.length) {
    // What a wrong length cuts out is no record; of one that is cut there may be a part.
    if (total > record.length) reader.add("rest", reader.left, "as much of it as lies in this file");
    return reader.fields;
  }
  const parts = addBlockHeaders(reader, version);
  const kind = recordKinds(version)(manager, info);
  for (const part of parts) dataFields(reader, part, kind);
  return reader.fields;
}

function addHeader(reader: FieldReader, record: Uint8Array, lsn: number, version: number): void {
  const { view } = reader;
  const total = view.getUint32(0, true);
  const whole = total === record.length;
  reader.add("xl_tot_len", 4, lengthWords(total, record.length));
  reader.u32("xl_xid", (xid) => (xid === 0 ? "0: belongs to no transaction" : `transaction ${xid}`));
  const previous = lsnAt(view, 8);
  const chain = `${lsnTextOf(previous)}: the record before this one`;
  reader.add(
    "xl_prev",
    8,
    previous < lsn ? chain : { wrong: `WRONG: ${lsnTextOf(previous)} is not before ${lsnTextOf(lsn)}` },
  );
  const [info, manager] = [record[16] as number, record[17] as number];
  const known = isResourceManager(manager, version);
  const type = known ? recordKinds(version)(manager, info).type : "?";
  reader.add("xl_info", 1, `${hexOf(info, 2)}: ${type}${(info & 0x0f) === 0 ? "" : `; ${bitWords(info, infoWords)}`}`);
  reader.add(
    "xl_rmid",
    1,
    known
      ? `${manager}: ${resourceManagerName(manager)} replays it`
      : { wrong: `WRONG: there is no resource manager ${manager}` },
  );
  reader.add("padding", 2, "not used");
  const stored = view.getUint32(20, true);
  const real = whole ? crc32c(record.subarray(recordHeaderBytes), record.subarray(0, 20)) : undefined;
  reader.add("xl_crc", 4, checksumWords(stored, real));
}

function lengthWords(total: number, here: number): string | Readonly<{ wrong: string }> {
  if (total === here) return `${total} bytes, this header and all its data`;
  if (total < recordHeaderBytes)
    return { wrong: `WRONG: ${total} bytes, but this header alone has ${recordHeaderBytes}` };
  if (here > recordHeaderBytes) return `${total} bytes, of which ${here} lie in this file`;
  return { wrong: `WRONG: ${total} bytes do not lie behind it` };
}

/** The reader's own bits. */
const infoWords = { 1: "changes a file by other means too", 2: "the changed pages are to be compared after replay" };

function checksumWords(stored: number, real: number | undefined): string | Readonly<{ wrong: string }> {
  if (real === undefined) return "CRC-32C; without the right length it cannot be checked";
  if (stored === real) return "CRC-32C of its other bytes: matches";
  return { wrong: `WRONG: ${hexOf(stored, 8)}, but the bytes give ${hexOf(real, 8)}: they are not what was written` };
}

/** The headers say what lies behind them, in the same order; the answer is that. */
function addBlockHeaders(reader: FieldReader, version: number): readonly DataPart[] {
  const parts: DataPart[] = [];
  let promised = 0;
  while (reader.left > promised) {
    const id = reader.view.getUint8(reader.at);
    if (id === blockId.shortData || id === blockId.longData) {
      const wide = id === blockId.longData ? 4 : 1;
      if (reader.left < 1 + wide) break;
      reader.u8("main.id", () => `${id}: data of no block, its length in ${wide === 1 ? "one byte" : "four bytes"}`);
      const words = (length: number) => `${length} bytes, at the end of the record`;
      const length = wide === 1 ? reader.u8("main.length", words) : reader.u32("main.length", words);
      return [...parts, { kind: "main", name: "main", bytes: length }];
    }
    const more = addHeaderOf(reader, id, version);
    if (more === undefined) break;
    parts.push(...more);
    promised += more.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  return parts;
}

function addHeaderOf(reader: FieldReader, id: number, version: number): readonly DataPart[] | undefined {
  if (id === blockId.origin && reader.left >= 3) {
    reader.u8("origin.id", () => `${id}: where the change was replicated from`);
    reader.u16("origin.origin", (origin) => `replication origin ${origin}`);
    return [];
  }
  if (id === blockId.topLevelXid && reader.left >= 5) {
    reader.u8("toplevel.id", () => `${id}: this is of a subtransaction`);
    reader.u32("toplevel.xid", (xid) => `its top-level transaction is ${xid}`);
    return [];
  }
  if (id <= blockId.max && reader.left >= 8) return addBlock(reader, id, version);
  reader.add("unknown", reader.left, { wrong: `WRONG: ${id} begins no header; the rest cannot be told apart` });
  return undefined;
}

function addBlock(reader: FieldReader, id: number, version: number): readonly DataPart[] {
  const name = `block${id}`;
  reader.u8(`${name}.id`, () => `${id}: a block that is changed`);
  const flags = reader.u8(`${name}.fork_flags`, (value) => `${hexOf(value, 2)}: ${flagWords(value)}`);
  const data = reader.u16(`${name}.data_length`, (bytes) => `${bytes} bytes of data for it`);
  const parts: DataPart[] = [];
  if ((flags & blockFlag.image) !== 0 && reader.left >= 5) {
    const image = reader.u16(`${name}.length`, (bytes) => `${bytes} bytes of it as a full-page image`);
    reader.u16(`${name}.hole_offset`, (offset) => `its empty middle, left out, begins at ${offset}`);
    const info = reader.u8(
      `${name}.bimg_info`,
      (value) => `${hexOf(value, 2)}: ${bitWords(value, imageWords(version))}`,
    );
    if ((info & 1) !== 0 && (info & compressedMaskOf(version)) !== 0 && reader.left >= 2)
      reader.u16(`${name}.hole_length`, (bytes) => `the empty middle has ${bytes} bytes`);
    parts.push({ kind: "image", name: `${name}.image`, bytes: image });
  }
  if ((flags & blockFlag.sameRelation) === 0 && reader.left >= 12) {
    reader.u32(
      `${name}.spcOid`,
      (oid) => `tablespace ${oid}${oid === 1663 ? " (pg_default)" : oid === 1664 ? " (pg_global)" : ""}`,
    );
    reader.u32(`${name}.dbOid`, (oid) => `database ${oid}${oid === 0 ? " (shared by all)" : ""}`);
    reader.u32(`${name}.relNumber`, (file) => `file ${file} of the table or index`);
  }
  if (reader.left >= 4) reader.u32(`${name}.blkno`, (block) => `block ${block}, counted from 0`);
  if (data > 0) parts.push({ kind: "block", name: `${name}.data`, bytes: data });
  return parts;
}

function flagWords(flags: number): string {
  const fork = forkNames[flags & blockFlag.forkMask] ?? "unknown";
  const bits = bitWords(flags, {
    [blockFlag.image]: "has a full-page image",
    [blockFlag.data]: "has data",
    [blockFlag.willInit]: "the page is made anew",
    [blockFlag.sameRelation]: "same relation as the block before",
  });
  return `${fork} fork${(flags & 0xf0) === 0 ? "" : `; ${bits}`}`;
}

function imageWords(version: number): Readonly<Record<number, string>> {
  if (version <= 14) return { 1: "has an empty middle", 2: "compressed (pglz)", 4: "replay puts it in place" };
  return {
    1: "has an empty middle",
    2: "replay puts it in place",
    4: "compressed (pglz)",
    8: "compressed (lz4)",
    16: "compressed (zstd)",
  };
}

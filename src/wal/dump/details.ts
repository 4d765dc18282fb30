import type { RecordKind } from "../describe/kinds.ts";
import type { StructureField } from "../describe/structures.ts";
import { lsnAt, resourceManager } from "../format.ts";
import type { WalRecord } from "../record.ts";
import { transactionEvent } from "../transactions.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** Of what a client may make as long as it likes, so much is shown. */
const textLengthMax = 200;

/** Microseconds from 1970 to 2000. */
const epochMicroseconds = 946_684_800_000_000n;

/** What a record's main data says, as far as a person asks: `off 3, flags 0x08`. */
export function writeDetails(record: WalRecord, kind: RecordKind, version: number, out: ByteWriter): void {
  const start = out.at;
  for (const field of kind.structure) {
    if (field.label === undefined) continue;
    if (field.offset + field.bytes > record.mainBytes) break;
    separate(out, start);
    out.copy(field.labelBytes);
    writeValue(record, field, out);
  }
  if (record.resourceManager === resourceManager.transaction) writeTransaction(record, version, out, start);
  else if (kind.manager === "LogicalMessage") writePrefix(record, out, start);
}

function separate(out: ByteWriter, start: number): void {
  if (out.at === start) return;
  out.bytes[out.at++] = 0x2c;
  out.bytes[out.at++] = 0x20;
}

function writeValue({ view, bytes, mainOffset }: WalRecord, field: StructureField, out: ByteWriter): void {
  const at = mainOffset + field.offset;
  switch (field.type) {
    case "u8":
      return out.decimal(bytes[at] as number);
    case "u16":
      return out.decimal(view.getUint16(at, true));
    case "u32":
      return out.decimal(view.getUint32(at, true));
    case "i32":
      return out.decimal(view.getInt32(at, true));
    case "u64":
      return out.decimal(lsnAt(view, at));
    case "bool":
      return out.ascii(bytes[at] === 0 ? "no" : "yes");
    case "x8":
      out.ascii("0x");
      return out.hex(bytes[at] as number, 2);
    case "lsn":
      return out.lsn(lsnAt(view, at));
    case "time":
      return out.ascii(timestampText(view.getBigInt64(at, true)));
    case "seconds":
      return out.ascii(secondsText(view.getBigInt64(at, true)));
    case "relation":
      return writeRelation(out, view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true));
    case "name64":
      return out.text(JSON.stringify(textOf(bytes.subarray(at, at + 64))));
    default: {
      const never: never = field.type;
      return never;
    }
  }
}

function writeRelation(out: ByteWriter, tablespace: number, database: number, relation: number): void {
  out.decimal(tablespace);
  out.bytes[out.at++] = 0x2f;
  out.decimal(database);
  out.bytes[out.at++] = 0x2f;
  out.decimal(relation);
}

/** The members and the name of a prepared transaction, which lie where the bits of the record say. */
function writeTransaction(record: WalRecord, version: number, out: ByteWriter, start: number): void {
  // A plain commit holds nothing but its time.
  if (record.mainBytes <= 8) return;
  const event = transactionEvent(record, version);
  if (event === undefined || event.kind === "running" || event.kind === "shutdown" || event.kind === "assignment")
    return;
  const parts = [
    ...(event.kind === "prepare" ? [`at ${timestampText(microsecondsOf(event.at))}`] : []),
    ...(event.xid === record.xid ? [] : [`xid ${event.xid}`]),
    ...("gid" in event ? [`gid ${JSON.stringify(event.gid)}`] : []),
    ...(event.subxids.length > 0 ? [subtransactions(event.subxids)] : []),
  ];
  if (parts.length === 0) return;
  separate(out, start);
  out.text(parts.join(", "));
}

function subtransactions(xids: readonly number[]): string {
  const more = xids.length > 16 ? ` … (${xids.length})` : "";
  return `subtransactions ${xids.slice(0, 16).join(" ")}${more}`;
}

function writePrefix({ view, bytes, mainOffset, mainBytes }: WalRecord, out: ByteWriter, start: number): void {
  const prefixAt = 24;
  if (mainBytes <= prefixAt) return;
  const prefix = bytes.subarray(
    mainOffset + prefixAt,
    mainOffset + Math.min(mainBytes, prefixAt + view.getUint32(mainOffset + 8, true)),
  );
  separate(out, start);
  out.text(`prefix ${JSON.stringify(textOf(prefix).slice(0, textLengthMax))}`);
}

/** Up to the zero. */
function textOf(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return Buffer.from(zero === -1 ? bytes : bytes.subarray(0, zero)).toString("utf8");
}

/** `2026-11-21 03:07:12.345678 UTC` from PostgreSQL's microseconds since 2000; the number where it is no date. */
export function timestampText(microseconds: bigint): string {
  const all = microseconds + epochMicroseconds;
  const ms = Number(all / 1000n);
  if (Math.abs(ms) > 8.64e15 || all < 0n) return String(microseconds);
  const text = new Date(ms).toISOString().replace("T", " ").replace("Z", "");
  return `${text}${String(all % 1000n).padStart(3, "0")} UTC`;
}

export function secondsText(seconds: bigint): string {
  if (seconds < 0n || seconds > 8_640_000_000_000n) return String(seconds);
  return `${new Date(Number(seconds) * 1000).toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

function microsecondsOf(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) - epochMicroseconds;
}

import type { RecordKind } from "../describe/kinds.ts";
import type { StructureField } from "../describe/structures.ts";
import { secondsText, timestampText } from "../dump/details.ts";
import { lsnAt, lsnTextOf } from "../format.ts";
import { type FieldReader, hexOf } from "./fields.ts";

/** What lies behind the headers of a record. */
export type DataPart = Readonly<{ kind: "image" | "block" | "main"; name: string; bytes: number }>;

/** The fields of one part of the data, as far as its layout is known; the rest in one piece. */
export function dataFields(reader: FieldReader, part: DataPart, kind: RecordKind): void {
  if (part.bytes > reader.left)
    return reader.add(part.name, reader.left, {
      wrong: `WRONG: ${part.bytes} bytes are promised, ${reader.left} are there`,
    });
  const end = reader.at + part.bytes;
  if (part.kind === "image")
    return reader.add(part.name, part.bytes, "the page as it was, or a part of it in place of it");
  if (part.kind === "block") {
    if (kind.title.startsWith("Heap INSERT") && part.bytes >= 5)
      addTupleHeader(reader, part.name.replace(/\.data$/, ""));
    return rest(
      reader,
      part.name,
      end,
      kind.title.startsWith("Heap INSERT")
        ? "the row: null bits, then its columns"
        : `what ${kind.title} needs to change this block`,
    );
  }
  const start = reader.at;
  for (const field of kind.structure) {
    if (start + field.offset + field.bytes > end) break;
    if (start + field.offset > reader.at) reader.add("main.padding", start + field.offset - reader.at, "not used");
    reader.add(
      `${part.name}.${field.name}`,
      field.bytes,
      `${valueText(reader.view, reader.at, field)}: ${field.words}`,
    );
  }
  rest(reader, `${part.name}.${reader.at === start ? "data" : "rest"}`, end, `what else ${kind.title} says`);
}

function rest(reader: FieldReader, name: string, end: number, words: string): void {
  if (reader.at < end) reader.add(name, end - reader.at, words);
}

/** `xl_heap_header`: of the row's header only what replay cannot know. */
function addTupleHeader(reader: FieldReader, block: string): void {
  reader.u16(`${block}.t_infomask2`, (value) => `${hexOf(value, 4)}: ${value & 0x07ff} columns`);
  reader.u16(
    `${block}.t_infomask`,
    (value) => `${hexOf(value, 4)}: ${(value & 1) !== 0 ? "some are null" : "none is null"}`,
  );
  reader.u8(`${block}.t_hoff`, (value) => `${value}: where the columns begin, from the row's beginning on the page`);
}

function valueText(view: DataView, at: number, field: StructureField): string {
  switch (field.type) {
    case "u8":
      return String(view.getUint8(at));
    case "u16":
      return String(view.getUint16(at, true));
    case "u32":
      return String(view.getUint32(at, true));
    case "i32":
      return String(view.getInt32(at, true));
    case "u64":
      return String(view.getBigUint64(at, true));
    case "bool":
      return view.getUint8(at) === 0 ? "no" : "yes";
    case "x8":
      return hexOf(view.getUint8(at), 2);
    case "lsn":
      return lsnTextOf(lsnAt(view, at));
    case "time":
      return timestampText(view.getBigInt64(at, true));
    case "seconds":
      return secondsText(view.getBigInt64(at, true));
    case "relation":
      return [0, 4, 8].map((offset) => view.getUint32(at + offset, true)).join("/");
    case "name64": {
      const bytes = Buffer.from(view.buffer, view.byteOffset + at, 64);
      return JSON.stringify(bytes.subarray(0, bytes.indexOf(0) & 63).toString());
    }
    default: {
      const never: never = field.type;
      return never;
    }
  }
}

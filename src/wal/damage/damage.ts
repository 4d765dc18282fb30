import { BlackstartError } from "../../base/error.ts";
import { lsnTextOf, walUnreadable } from "../format.ts";
import type { WalRecord } from "../record.ts";
import type { Field } from "../show/fields.ts";
import { type SegmentBytes, type Span, walkRecords } from "../show/segment-bytes.ts";
import { pagePart, recordParts, type ShownPart } from "../show/show.ts";
import { valueBytes } from "./value.ts";

/** Bytes of a file that are to be others. Nothing is written yet. */
export type Damage = Readonly<{
  lsn: number;
  field: string;
  /** What is damaged, in words: `Heap INSERT, 59 bytes`. */
  title: string;
  before: string;
  after: string;
  /** In the file; a field may be cut by a page header. */
  changes: readonly Readonly<{ at: number; bytes: Uint8Array }>[];
}>;

/** Which field of what, and its new value; see `valueBytes`. */
export type DamageRequest = Readonly<{ lsn: number; field: string; value?: string }>;

/**
 * Works out what to write so that one field of a record, or of the header of the page on which it begins, has another
 * value. `name+7` is the eighth byte of a field.
 * @throws USAGE where no record begins there, or nothing is called so
 */
export function planDamage(segment: SegmentBytes, request: DamageRequest): Damage {
  const parts = partsAt(segment, request.lsn);
  const [, name = "", plus] = /^(.*?)(?:\+(\d+))?$/.exec(request.field) ?? [];
  const part = parts.find(({ fields }) => fields.some((field) => field.name === name));
  const field = part?.fields.find((each) => each.name === name);
  if (part === undefined || field === undefined) throw unknownField(parts, name);
  const skip = Number(plus ?? 0);
  if (skip >= field.bytes.length) throw beyondField(field, skip);
  const target = plus === undefined ? field.bytes : field.bytes.subarray(skip, skip + 1);
  const bytes = valueBytes(field.name, target, request.value);
  return {
    lsn: part.lsn,
    field: request.field,
    title: part.title,
    before: hex(target.subarray(0, bytes.length)),
    after: hex(bytes),
    changes: changesOf(part.spans, field.offset + skip, bytes),
  };
}

/** The segment's content with the damage in it. */
export function damaged(content: Uint8Array, { changes }: Damage): Uint8Array {
  const copy = Uint8Array.from(content);
  for (const { at, bytes } of changes) copy.set(bytes, at);
  return copy;
}

/** The place of the first record for which this holds; undefined when there is none. */
export function findRecord(segment: SegmentBytes, holds: (record: WalRecord) => boolean): number | undefined {
  let found: number | undefined;
  walkRecords(segment, ({ lsn, record }) => {
    if (record === undefined || !record.decode() || !holds(record)) return false;
    found = lsn;
    return true;
  });
  return found;
}

/** The record that begins here and the page on which it does; or the page, if it begins here. */
function partsAt(segment: SegmentBytes, lsn: number): readonly ShownPart[] {
  const { pageBytes } = segment.header;
  const page = Math.floor((lsn - segment.startLsn) / pageBytes) * pageBytes;
  if (page < 0 || page >= segment.bytes.length) throw notThere(segment, lsn, undefined);
  if (segment.startLsn + page === lsn) return [pagePart(segment, page)];
  let within: number | undefined;
  let isThere = false;
  walkRecords(segment, (place) => {
    if (place.endLsn <= lsn) return false;
    isThere = place.lsn === lsn;
    within = place.lsn;
    return true;
  });
  if (!isThere) throw notThere(segment, lsn, within);
  const [record] = recordParts(segment, { lsn });
  return [...(record === undefined ? [] : [record]), pagePart(segment, page)];
}

function changesOf(spans: readonly Span[], offset: number, bytes: Uint8Array): Damage["changes"] {
  return spans.flatMap((span) => {
    const from = Math.max(offset, span.offset);
    const to = Math.min(offset + bytes.length, span.offset + span.length);
    return from < to ? [{ at: span.at + from - span.offset, bytes: bytes.subarray(from - offset, to - offset) }] : [];
  });
}

function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 16)).toString("hex").toUpperCase();
  return `${shown.replace(/(..)(?=.)/g, "$1 ")}${bytes.length > 16 ? " …" : ""}`;
}

function notThere({ path }: SegmentBytes, lsn: number, within: number | undefined): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `No record begins at ${lsnTextOf(lsn)} in ${path}.`,
    why:
      within === undefined || within > lsn
        ? "The file holds no record there."
        : `It lies within what begins at ${lsnTextOf(within)}.`,
    next: `\`blackstart wal dump ${path}\` lists the places of all records.`,
  });
}

function unknownField(parts: readonly ShownPart[], name: string): BlackstartError {
  const names = parts.flatMap(({ fields }) => fields.map((field) => field.name)).filter((each) => each !== "padding");
  return new BlackstartError("USAGE", {
    what: `There is no field ${name} there.`,
    why: "A field is called as `blackstart wal show` calls it.",
    next: `Choose from ${[...new Set(names)].join(", ")}; with +N behind it the byte N of it.`,
  });
}

function beyondField({ name, bytes }: Field, skip: number): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `${name} has no byte ${skip}.`,
    why: `It has ${bytes.length}, counted from 0.`,
    next: "Choose a smaller number.",
  });
}

/** Of what is read from a packed file a single byte cannot be changed in place. */
export function refusePacked(segment: SegmentBytes, fileBytes: number): void {
  if (fileBytes === segment.bytes.length) return;
  throw walUnreadable({
    what: `${segment.path} is packed.`,
    why: "Bytes are changed in place, and a packed file has others.",
    next: "Unpack it, damage that, and pack it again, or let restore_command fetch the unpacked one.",
  });
}

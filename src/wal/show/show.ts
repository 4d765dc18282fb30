import { BlackstartError } from "../../base/error.ts";
import { recordKinds } from "../describe/kinds.ts";
import { isResourceManager, lsnTextOf } from "../format.ts";
import type { Field } from "./fields.ts";
import { pageFields } from "./page-fields.ts";
import { recordFields } from "./record-fields.ts";
import {
  endOf,
  headerBytesAt,
  recordBytes,
  type RecordPlace,
  type SegmentBytes,
  type Span,
  walkRecords,
} from "./segment-bytes.ts";

/** A page header or a record, field by field. `spans`: where its bytes lie in the file; a page header has one. */
export type ShownPart = Readonly<{
  kind: "page" | "record";
  lsn: number;
  title: string;
  /** Why it is no record, in PostgreSQL's words. */
  wrong?: string;
  fields: readonly Field[];
  spans: readonly Span[];
}>;

/**
 * Records with the page headers that lie before and between them, from a place on.
 * @param from a place within the record or page header to begin with; undefined: the beginning of the segment
 */
export function showSegment(segment: SegmentBytes, from: number | undefined, count: number): readonly ShownPart[] {
  const start = from ?? segment.startLsn;
  if (start < segment.startLsn || start >= endOf(segment)) throw outside(segment, start);
  const parts: ShownPart[] = [];
  const { pageBytes } = segment.header;
  const page = Math.floor((start - segment.startLsn) / pageBytes) * pageBytes;
  // A place within a page header, and the beginning of everything, means the header.
  if (start - segment.startLsn - page < headerBytesAt(viewOf(segment), page)) parts.push(pagePart(segment, page));
  let records = 0;
  walkRecords(segment, (place) => {
    if (place.endLsn <= start) return false;
    if (place.lsn > start && records === 0 && parts.length === 0) parts.push(...pageBefore(segment, place.lsn));
    const shown = recordParts(segment, place);
    parts.push(...shown.filter((part) => part.kind === "record" || !parts.some(({ lsn }) => lsn === part.lsn)));
    records++;
    return records >= count;
  });
  return parts;
}

export function pagePart(segment: SegmentBytes, page: number): ShownPart {
  const pageLsn = segment.startLsn + page;
  const bytes = segment.bytes.subarray(page, page + segment.header.pageBytes);
  const fields = pageFields(bytes, pageLsn, segment.header);
  const length = fields.reduce((sum, field) => sum + field.bytes.length, 0);
  const title = `page header, ${length === 40 ? "long" : "short"}`;
  return { kind: "page", lsn: pageLsn, title, fields, spans: [{ offset: 0, at: page, length }] };
}

/** The record, then the headers of the pages into which it goes on. */
export function recordParts(
  segment: SegmentBytes,
  { lsn, wrong }: Pick<RecordPlace, "lsn" | "wrong">,
): readonly ShownPart[] {
  const { bytes, spans } = recordBytes(segment, lsn);
  const { version, pageBytes } = segment.header;
  const fields = recordFields(bytes, lsn, version);
  const part: ShownPart = {
    kind: "record",
    lsn,
    title: titleOf(bytes, version, spans),
    fields,
    spans,
    ...(wrong === undefined ? {} : { wrong }),
  };
  const pages = spans.slice(1).map(({ at }) => pagePart(segment, Math.floor(at / pageBytes) * pageBytes));
  return [part, ...pages];
}

/** Nothing begins where somebody asked: what does begin next lies on this page. */
function pageBefore(segment: SegmentBytes, lsn: number): readonly ShownPart[] {
  const { pageBytes } = segment.header;
  return [pagePart(segment, Math.floor((lsn - segment.startLsn) / pageBytes) * pageBytes)];
}

function titleOf(bytes: Uint8Array, version: number, spans: readonly Span[]): string {
  if (bytes.length < 24 || bytes.every((byte) => byte === 0)) return "zeros: nothing was written here";
  const [info = 0, manager = 0] = [bytes[16], bytes[17]];
  const kind = isResourceManager(manager, version) ? recordKinds(version)(manager, info).title : "no record";
  return `${kind}, ${bytes.length} bytes${spans.length > 1 ? `, on ${spans.length} pages` : ""}`;
}

function viewOf({ bytes }: SegmentBytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function outside(segment: SegmentBytes, lsn: number): BlackstartError {
  const range = `${lsnTextOf(segment.startLsn)} to ${lsnTextOf(endOf(segment))}`;
  return new BlackstartError("USAGE", {
    what: `${lsnTextOf(lsn)} does not lie in ${segment.path}.`,
    why: `The file holds ${range}.`,
    next: `Choose a place from there; \`blackstart wal dump ${segment.path}\` lists the records.`,
  });
}

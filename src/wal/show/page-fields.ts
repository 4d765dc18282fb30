import { aligned, lsnAt, lsnTextOf, pageFlag, segmentNameOf } from "../format.ts";
import type { SegmentHeader } from "../segment-header.ts";
import { bitWords, type Field, FieldReader, hexOf } from "./fields.ts";

const flagWords = {
  [pageFlag.continued]: "begins with the rest of a record",
  [pageFlag.long]: "first page of a segment: a long header",
  [pageFlag.removable]: "its full-page images may be left out of an archive",
  [pageFlag.overwritten]: "the record from the page before was given up in a crash; this goes on without its rest",
};

/** The header of the page that these bytes begin with (`XLogPageHeaderData`, `XLogLongPageHeaderData`). */
export function pageFields(page: Uint8Array, pageLsn: number, segment: SegmentHeader): readonly Field[] {
  const reader = new FieldReader(page);
  const { view } = reader;
  const magic = view.getUint16(0, true);
  const right = magic === segment.magic;
  reader.add(
    "xlp_magic",
    2,
    judged(right, `${hexOf(magic, 4)}: log of PostgreSQL ${segment.version}`, hexOf(magic, 4)),
  );
  const info = reader.u16("xlp_info", (value) => `${hexOf(value, 4)}: ${bitWords(value, flagWords)}`);
  reader.u32("xlp_tli", (value) => `timeline ${value}`);
  const address = lsnAt(view, 8);
  const place = `${lsnTextOf(address)}: the place of this page in the log`;
  reader.add(
    "xlp_pageaddr",
    8,
    judged(address === pageLsn, place, `${lsnTextOf(address)}, but it lies at ${lsnTextOf(pageLsn)}`),
  );
  reader.u32("xlp_rem_len", (value) => remaining(value, page.length));
  reader.add("padding", 4, "not used");
  if ((info & pageFlag.long) === 0) return reader.fields;
  reader.add("xlp_sysid", 8, `${view.getBigUint64(24, true)}: the database system this log is of`);
  reader.u32("xlp_seg_size", (value) => `a segment has ${value} bytes (${value / 2 ** 20} MiB)`);
  reader.u32("xlp_xlog_blcksz", (value) => `a page has ${value} bytes`);
  return reader.fields;

  function judged(isRight: boolean, text: string, wrong: string) {
    const expected = `${segmentNameOf(segment.timeline, pageLsn, segment.segmentBytes)}, PostgreSQL ${segment.version}`;
    return isRight ? text : { wrong: `WRONG: ${wrong} (expected for ${expected})` };
  }
}

function remaining(bytes: number, pageBytes: number): string {
  if (bytes === 0) return "0 bytes: a record begins right behind this header";
  const beyond = aligned(bytes) > pageBytes ? ", which do not end on this page" : "";
  return `${bytes} bytes of that record are still to come${beyond}`;
}

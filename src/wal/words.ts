import { lsnTextOf } from "./format.ts";

/**
 * What PostgreSQL's reader (`xlogreader.c`) says of log that it cannot read, word for word, by major version. These
 * lines stand in the server's log and at the end of pg_waldump's output.
 */
export const walWords = {
  recordLength: (version: number, lsn: number, got: number) =>
    `invalid record length at ${lsnTextOf(lsn)}: ${version >= 16 ? "expected at least" : "wanted"} 24, got ${got}`,
  recordTooLong: (lsn: number, got: number) => `record length ${got} at ${lsnTextOf(lsn)} too long`,
  resourceManager: (lsn: number, id: number) => `invalid resource manager ID ${id} at ${lsnTextOf(lsn)}`,
  previousLink: (lsn: number, previous: number) =>
    `record with incorrect prev-link ${lsnTextOf(previous)} at ${lsnTextOf(lsn)}`,
  checksum: (lsn: number) => `incorrect resource manager data checksum in record at ${lsnTextOf(lsn)}`,
  noContinuation: (lsn: number) => `there is no contrecord flag at ${lsnTextOf(lsn)}`,
  unaskedContinuation: (lsn: number) => `contrecord is requested by ${lsnTextOf(lsn)}`,
  continuationLength: (lsn: number, got: number, expected: number) =>
    `invalid contrecord length ${got} (expected ${expected}) at ${lsnTextOf(lsn)}`,
  magic: (place: PagePlace, got: number) => `invalid magic number ${hex4(got)} ${placeText(place)}`,
  infoBits: (place: PagePlace, got: number) => `invalid info bits ${hex4(got)} ${placeText(place)}`,
  pageAddress: (place: PagePlace, got: number) => `unexpected pageaddr ${lsnTextOf(got)} ${placeText(place)}`,
  olderTimeline: (place: PagePlace, got: number, last: number) =>
    `out-of-sequence timeline ID ${got} (after ${last}) ${placeText(place)}`,
  otherTimeline: (place: PagePlace, got: number) => `unexpected timeline ID ${got} ${placeText(place)}`,
  systemIdentifier: (got: bigint, expected: bigint) =>
    `WAL file is from different database system: WAL file database system identifier is ${got}, pg_control database system identifier is ${expected}`,
  segmentSize: () => "WAL file is from different database system: incorrect segment size in page header",
  pageSize: () => "WAL file is from different database system: incorrect XLOG_BLCKSZ in page header",
} as const;

/** Where a page lies: in which segment file, how far in it. */
export type PagePlace = Readonly<{ version: number; segment: string; lsn: number; offset: number }>;

function placeText({ version, segment, lsn, offset }: PagePlace): string {
  return version >= 16
    ? `in WAL segment ${segment}, LSN ${lsnTextOf(lsn)}, offset ${offset}`
    : `in log segment ${segment}, offset ${offset}`;
}

function hex4(value: number): string {
  return value.toString(16).toUpperCase().padStart(4, "0");
}

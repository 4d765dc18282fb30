import { type RecordKind, recordKinds } from "../describe/kinds.ts";
import type { WalRecord } from "../record.ts";

/** Of one kind of records. `bytes`: all of them; `imageBytes`: those of them that are full-page images. */
export type KindCount = Readonly<{ manager: string; type: string; records: number; bytes: number; imageBytes: number }>;

/** Plain data: workers send it. By resource manager × 256 + info. */
export type Counts = Record<number, { records: number; bytes: number; imageBytes: number }>;

export function countRecord(counts: Counts, record: WalRecord): void {
  // Its low four bits are the reader's own.
  const key = record.resourceManager * 256 + (record.info & 0xf0);
  const count = (counts[key] ??= { records: 0, bytes: 0, imageBytes: 0 });
  count.records++;
  count.bytes += record.totalBytes;
  count.imageBytes += record.imageBytes;
}

export function addCounts(into: Counts, more: Counts): void {
  for (const [key, { records, bytes, imageBytes }] of Object.entries(more)) {
    const count = (into[Number(key)] ??= { records: 0, bytes: 0, imageBytes: 0 });
    count.records += records;
    count.bytes += bytes;
    count.imageBytes += imageBytes;
  }
}

/** In the order of the resource managers; kinds of the same name together. */
export function kindCounts(counts: Counts, version: number): readonly KindCount[] {
  const kindOf = recordKinds(version);
  const named = new Map<string, KindCount>();
  for (const [key, count] of Object.entries(counts)) {
    const kind: RecordKind = kindOf(Number(key) >> 8, Number(key) & 0xff);
    const before = named.get(kind.title) ?? { records: 0, bytes: 0, imageBytes: 0 };
    named.set(kind.title, {
      manager: kind.manager,
      type: kind.type,
      records: before.records + count.records,
      bytes: before.bytes + count.bytes,
      imageBytes: before.imageBytes + count.imageBytes,
    });
  }
  return [...named.values()];
}

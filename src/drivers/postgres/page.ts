/**
 * The layout of a page, little-endian, from PostgreSQL's `storage/bufpage.h`, `itemid.h` and `storage/checksum_impl.h`;
 * the same since 9.3. Every number is a byte offset or a count of bytes.
 */
export const pageBytes = 8192;
const headerBytes = 24;
const itemBytes = 4;
const checksumAt = 8;

/** What the header says. `special` is where an index keeps its own; in a heap it is the page's end. */
export type PageHeader = Readonly<{ lower: number; upper: number; special: number; version: number }>;

export function pageHeader(page: Buffer): PageHeader {
  return {
    lower: page.readUInt16LE(12),
    upper: page.readUInt16LE(14),
    special: page.readUInt16LE(16),
    version: page.readUInt16LE(18) & 0xff,
  };
}

/** `PageIsNew` and what no page is; undefined: a page as every version since 8.3 has it. */
export function whyNoPage(page: Buffer): string | undefined {
  const { lower, upper, special, version } = pageHeader(page);
  if (upper === 0) return "it was never used";
  if (version !== 4 || lower < headerBytes || lower > upper || upper > special || special > pageBytes)
    return "its header is none of PostgreSQL's";
  return undefined;
}

/** A line pointer. `flags` 1: it leads to a tuple. `number` counts from 1, as in a ctid. */
export type Item = Readonly<{ number: number; at: number; offset: number; flags: number; length: number }>;

export function pageItems(page: Buffer): readonly Item[] {
  const count = (pageHeader(page).lower - headerBytes) / itemBytes;
  return Array.from({ length: Math.floor(count) }, (_, index) => {
    const at = headerBytes + index * itemBytes;
    const bits = page.readUInt32LE(at);
    return { number: index + 1, at, offset: bits & 0x7fff, flags: (bits >>> 15) & 3, length: bits >>> 17 };
  });
}

export function writeItem(page: Buffer, { at, offset, flags, length }: Omit<Item, "number">): void {
  page.writeUInt32LE(((length << 17) | (flags << 15) | offset) >>> 0, at);
}

/** Gives the page the checksum that its content has at this block. A page of zeros has none. */
export function sealPage(page: Buffer, block: number): void {
  page.writeUInt16LE(pageChecksum(page, block), checksumAt);
}

export function storedChecksum(page: Buffer): number {
  return page.readUInt16LE(checksumAt);
}

/** 32 sums run side by side over the page's words, each from an offset of its own. */
const offsets = Uint32Array.from([
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f,
  0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc,
  0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2, 0xe407eac6,
  0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
]);

/** FNV-1a with one shift more, the sums folded, the block's number mixed in, and never 0. */
export function pageChecksum(page: Buffer, block: number): number {
  const sums = Uint32Array.from(offsets);
  const mix = (lane: number, word: number) => {
    const mixed = (sums[lane] as number) ^ word;
    sums[lane] = Math.imul(mixed, 16777619) ^ (mixed >>> 17);
  };
  for (let at = 0; at < pageBytes; at += 4) {
    // The checksum itself, which shares its word with the flags, counts as zero.
    const word = at === checksumAt ? page.readUInt16LE(at + 2) << 16 : page.readUInt32LE(at);
    mix((at / 4) % sums.length, word);
  }
  for (let round = 0; round < 2; round++) for (let lane = 0; lane < sums.length; lane++) mix(lane, 0);
  const folded = sums.reduce((all, sum) => all ^ sum, 0) ^ block;
  return ((folded >>> 0) % 65535) + 1;
}

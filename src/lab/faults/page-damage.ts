import {
  type Item,
  pageBytes,
  pageHeader,
  pageItems,
  sealPage,
  whyNoPage,
  writeItem,
} from "../../drivers/postgres/page.ts";

/** How a page can be damaged, what finds it, and in which kind of relation it can be done. */
export const damageKinds = {
  checksum: { of: "any", finds: "found by every read where checksums are on" },
  zero: { of: "any", finds: "found in a heap only by a comparison with an index or a replica" },
  xmin: { of: "heap", finds: "found by verify_heapam" },
  "t-hoff": { of: "heap", finds: "found by verify_heapam" },
  "line-pointer": { of: "heap", finds: "found by verify_heapam" },
  "item-order": { of: "btree", finds: "found by bt_index_check" },
  "index-tid": { of: "btree", finds: "found by bt_index_check with heapallindexed" },
} as const;

export type DamageKind = keyof typeof damageKinds;

/** `what`: in words, what was changed. `refused`: why this page cannot be damaged so. */
export type Damage = Readonly<{ page: Buffer; what: string }> | Readonly<{ refused: string }>;

/**
 * A copy of the page with one damage. All but `checksum` and `zero` leave a page whose checksum fits: as a bug in memory
 * leaves it, not as a disk does. Pure.
 * @param nextXid a transaction id that the server has not given out yet
 */
export function damagePage(original: Buffer, block: number, kind: DamageKind, nextXid: number): Damage {
  const page = Buffer.from(original);
  if (kind === "zero") return { page: page.fill(0), what: "made it all zeros" };
  const unfit = whyNoPage(page);
  if (unfit !== undefined) return { refused: unfit };
  if (kind === "checksum") return flipByte(page);
  const done = damageKinds[kind].of === "heap" ? damageTuple(page, kind, nextXid) : damageIndex(page, kind);
  if ("page" in done) sealPage(done.page, block);
  return done;
}

/** In the middle of what is stored there, so that a page without checksums is damaged as well. */
function flipByte(page: Buffer): Damage {
  const { upper } = pageHeader(page);
  const at = upper + Math.floor((pageBytes - upper) / 2);
  page.writeUInt8(page.readUInt8(at) ^ 0xff, at);
  return { page, what: `inverted byte ${at}, and left the checksum` };
}

/** `access/htup_details.h`: xmin at 0, infomask at 20, hoff at 22. */
function damageTuple(page: Buffer, kind: DamageKind, nextXid: number): Damage {
  const item = pageItems(page).find(({ flags, length }) => flags === 1 && length >= 24);
  if (item === undefined) return { refused: "it holds no tuple" };
  if (kind === "xmin") {
    const future = (nextXid + 1_000_000) % 2 ** 32;
    page.writeUInt32LE(future, item.offset);
    // HEAP_XMIN_COMMITTED and HEAP_XMIN_INVALID, together "frozen": then nobody would look at the xmin.
    page.writeUInt16LE(page.readUInt16LE(item.offset + 20) & ~0x0300, item.offset + 20);
    return { page, what: `gave tuple ${item.number} the xmin ${future}, which no transaction has had yet` };
  }
  if (kind === "t-hoff") {
    const beyond = Math.min(248, Math.ceil((item.length + 8) / 8) * 8);
    page.writeUInt8(beyond, item.offset + 22);
    return { page, what: `let the data of tuple ${item.number} begin at ${beyond} of its ${item.length} bytes` };
  }
  writeItem(page, { ...item, offset: pageBytes - 8, length: Math.max(item.length, 16) });
  return { page, what: `let line pointer ${item.number} lead beyond the page's end` };
}

/** `access/nbtree.h`: in the special space the next page at 4, the flags at 12; 1 is a leaf. `access/itup.h`: t_info at 6. */
function damageIndex(page: Buffer, kind: DamageKind): Damage {
  const { special } = pageHeader(page);
  if (pageBytes - special !== 16 || (page.readUInt16LE(special + 12) & 1) === 0) return { refused: "it is no leaf" };
  // The first item of a page that has a right neighbour is its high key. 0x2000: a list of tids, or none.
  const first = page.readUInt32LE(special + 4) === 0 ? 1 : 2;
  const isPlain = ({ number, flags, offset }: Item) =>
    number >= first && flags === 1 && (page.readUInt16LE(offset + 6) & 0x2000) === 0;
  const items = pageItems(page).filter(isPlain);
  const [one, other] = [items[0], items.at(-1)];
  if (one === undefined || other === undefined || one === other)
    return { refused: "it holds less than two plain items" };
  const swapped = `items ${one.number} and ${other.number}`;
  if (kind === "item-order") {
    writeItem(page, { ...one, at: other.at });
    writeItem(page, { ...other, at: one.at });
    return { page, what: `swapped the ${swapped}` };
  }
  const tid = Buffer.from(page.subarray(one.offset, one.offset + 6));
  page.copy(page, one.offset, other.offset, other.offset + 6);
  tid.copy(page, other.offset);
  return { page, what: `let the ${swapped} lead to each other's rows` };
}

/**
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as PostgreSQL's `port/pg_crc32c_sb8.c` computes it: eight
 * bytes a step with eight tables ("slicing by 8"). Node's own zlib.crc32 is another polynomial.
 */
const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/**
 * Goes on with a checksum. Begin with `crc32cStart`, end with `crc32cEnd`.
 * @returns the state as a signed 32-bit number
 */
export function crc32cUpdate(state: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = state | 0;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return crc;
}

export const crc32cStart = -1;

/** The finished checksum, unsigned. */
export function crc32cEnd(state: number): number {
  return (state ^ -1) >>> 0;
}

export function crc32c(bytes: Uint8Array): number {
  return crc32cEnd(crc32cUpdate(crc32cStart, bytes, 0, bytes.length));
}

function makeTables(): readonly Int32Array[] {
  const made = Array.from({ length: 8 }, () => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    (made[0] as Int32Array)[byte] = crc;
  }
  for (let table = 1; table < 8; table++)
    for (let byte = 0; byte < 256; byte++) {
      const before = (made[table - 1] as Int32Array)[byte] as number;
      (made[table] as Int32Array)[byte] = (before >>> 8) ^ ((made[0] as Int32Array)[before & 0xff] as number);
    }
  return made;
}

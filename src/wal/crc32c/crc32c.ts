import { assembleCrcModule, tableBytes } from "./module.ts";

/**
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as PostgreSQL's `port/pg_crc32c_sb8.c` computes it, by
 * WebAssembly: sixteen bytes a step. Node's own zlib.crc32 is another polynomial. WebAssembly sees its own memory only,
 * so the bytes are to lie there: read a file into `bytes`, then ask.
 */
export class ChecksummedBytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #scratch: Uint8Array;
  readonly #update: Update;

  constructor(length: number) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((bytesStart + length) / 65536) });
    new Int32Array(memory.buffer, 0, tableBytes / 4).set(tables());
    this.#scratch = new Uint8Array(memory.buffer, tableBytes, scratchBytes);
    this.bytes = new Uint8Array(memory.buffer, bytesStart, length);
    this.view = new DataView(memory.buffer, bytesStart, length);
    this.#update = new WebAssembly.Instance(compiled(), { m: { m: memory } }).exports.update as Update;
  }

  /**
   * Goes on with a checksum over `bytes[start … end)`. Begin with `crc32cStart`, end with `crc32cEnd`.
   * @returns the state as a signed 32-bit number
   */
  crc(state: number, start: number, end: number): number {
    return this.#update(state, start + bytesStart, end + bytesStart);
  }

  /** Goes on over at most 64 bytes that lie elsewhere. */
  crcOf(state: number, bytes: Uint8Array): number {
    this.#scratch.set(bytes);
    return this.#update(state, tableBytes, tableBytes + bytes.length);
  }
}

const scratchBytes = 64;
const bytesStart = tableBytes + scratchBytes;

/** What is used of it here; its types otherwise come with those of a browser. */
declare const WebAssembly: Readonly<{
  Memory: new (size: { initial: number }) => Readonly<{ buffer: ArrayBuffer }>;
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object, imports: object) => Readonly<{ exports: Readonly<Record<string, unknown>> }>;
}>;

type Update = (state: number, at: number, end: number) => number;

export const crc32cStart = -1;

/** The finished checksum, unsigned. */
export function crc32cEnd(state: number): number {
  return (state ^ -1) >>> 0;
}

let kept: ChecksummedBytes | undefined;

/** Of bytes that lie elsewhere; copies them. */
export function crc32c(...parts: readonly Uint8Array[]): number {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (kept === undefined || kept.bytes.length < length) kept = new ChecksummedBytes(Math.max(length, 65536));
  const all = kept;
  let at = 0;
  for (const part of parts) {
    all.bytes.set(part, at);
    at += part.length;
  }
  return crc32cEnd(all.crc(crc32cStart, 0, at));
}

let module: object | undefined;

function compiled(): object {
  module ??= new WebAssembly.Module(assembleCrcModule());
  return module;
}

let made: Int32Array | undefined;

/** Table 0 is of one byte; table n is of a byte that n others follow. */
function tables(): Int32Array {
  if (made !== undefined) return made;
  made = new Int32Array(tableBytes / 4);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    made[byte] = crc;
  }
  for (let index = 256; index < made.length; index++) {
    const before = made[index - 256] as number;
    made[index] = (before >>> 8) ^ (made[before & 0xff] as number);
  }
  return made;
}

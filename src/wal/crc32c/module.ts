/**
 * A WebAssembly module of one function, assembled here: `update(state: i32, at: i32, end: i32): i32` goes on with a
 * CRC-32C over the bytes `at … end` of the imported memory `m.m`, whose first 16 KiB are the tables of slicing by 16.
 * (https://webassembly.github.io/spec/core/binary/; JavaScript computes the same at a third of the speed.)
 */
export function assembleCrcModule(): Uint8Array<ArrayBuffer> {
  const body = [...declareLocals, ...sixteenBytes(), ...oneStepOf(8), ...oneStepOf(4), ...singleBytes(), ...get(state)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    // One type: three i32 give an i32.
    ...section(1, [1, 0x60, 3, i32, i32, i32, 1, i32]),
    // The memory: at least one page.
    ...section(2, [1, ...name("m"), ...name("m"), 0x02, 0x00, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("update"), 0x00, 0]),
    ...section(10, [1, ...sized([...body, code.end])]),
  ]);
}

export const tableBytes = 16 * 1024;

const [i32, i64, nothing] = [0x7f, 0x7e, 0x40];
/** Parameters, then locals. */
const [state, at, end, low, high] = [0, 1, 2, 3, 4];

const code = {
  block: 0x02,
  loop: 0x03,
  end: 0x0b,
  branch: 0x0c,
  branchIf: 0x0d,
  i32Load: 0x28,
  i64Load: 0x29,
  i32Load8: 0x2d,
  i64Load32: 0x35,
  i32Const: 0x41,
  i64Const: 0x42,
  i32GreaterUnsigned: 0x4b,
  i32Add: 0x6a,
  i32And: 0x71,
  i32Xor: 0x73,
  i32ShiftLeft: 0x74,
  i32ShiftRight: 0x76,
  i64Xor: 0x85,
  i64ShiftRight: 0x88,
  i32Wrap: 0xa7,
  i64Extend: 0xad,
} as const;

/** `low` and `high`, both i64. */
const declareLocals = [1, 2, i64];

function sixteenBytes(): number[] {
  return whileRoomFor(16, [
    ...loadWithState(code.i64Load),
    ...[...get(at), code.i64Load, 0, 8, ...set(high)],
    ...lookUp(low, 8, 15),
    ...lookUp(high, 8, 7),
    ...xored(16),
  ]);
}

/** At most once, but a loop says it in fewer bytes. */
function oneStepOf(bytes: 4 | 8): number[] {
  return whileRoomFor(bytes, [
    ...loadWithState(bytes === 8 ? code.i64Load : code.i64Load32),
    ...lookUp(low, bytes, bytes - 1),
    ...xored(bytes),
  ]);
}

function singleBytes(): number[] {
  return whileRoomFor(1, [
    ...[...get(state), ...get(at), code.i32Load8, 0, 0, code.i32Xor, ...constant(255), code.i32And],
    ...[...constant(2), code.i32ShiftLeft, code.i32Load, 2, 0],
    ...[...get(state), ...constant(8), code.i32ShiftRight, code.i32Xor, ...set(state)],
  ]);
}

/** `low` = the next bytes, the first four of them xor the state. */
function loadWithState(load: number): number[] {
  return [...get(at), load, 0, 0, ...get(state), code.i64Extend, code.i64Xor, ...set(low)];
}

/** The entries of the tables `table`, `table` − 1, … for the first bytes of a local, left on the stack. */
function lookUp(local: number, bytes: number, table: number): number[] {
  return Array.from({ length: bytes }, (_, index) => [
    // Entries have four bytes: shift so that the index comes out multiplied by four.
    ...(index === 0
      ? [...get(local), code.i32Wrap, ...constant(255), code.i32And, ...constant(2), code.i32ShiftLeft]
      : [
          ...[...get(local), code.i64Const, ...signed(index * 8 - 2), code.i64ShiftRight, code.i32Wrap],
          ...[...constant(1020), code.i32And],
        ]),
    ...[code.i32Load, 2, ...unsigned((table - index) * 1024)],
  ]).flat();
}

function xored(count: number): number[] {
  return [...Array.from({ length: count - 1 }, () => code.i32Xor), ...set(state)];
}

/** The body, again and again as long as `bytes` are left; each time `at` advances. */
function whileRoomFor(bytes: number, body: readonly number[]): number[] {
  return [
    ...[code.block, nothing, code.loop, nothing],
    ...[...get(at), ...constant(bytes), code.i32Add, ...get(end), code.i32GreaterUnsigned, code.branchIf, 1],
    ...body,
    ...[...get(at), ...constant(bytes), code.i32Add, ...set(at)],
    ...[code.branch, 0, code.end, code.end],
  ];
}

function get(local: number): number[] {
  return [0x20, local];
}

function set(local: number): number[] {
  return [0x21, local];
}

function constant(value: number): number[] {
  return [code.i32Const, ...signed(value)];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return sized([...Buffer.from(text)]);
}

/** LEB128 */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** LEB128 with a sign, for what is not negative. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >>> 7)];
}

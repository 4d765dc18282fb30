import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChecksummedBytes, crc32c, crc32cEnd, crc32cStart } from "../../../src/wal/crc32c/crc32c.ts";

test("the published check values (RFC 3720, B.4, and the catalogue of CRCs)", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(new Uint8Array(0)), 0);
});

test("of any bytes at any place it is what a bit at a time gives", () => {
  const room = new ChecksummedBytes(600);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, start) => {
      room.bytes.fill(0xaa);
      room.bytes.set(bytes, start);
      assert.equal(crc32cEnd(room.crc(crc32cStart, start, start + bytes.length)), bitByBit(bytes));
    }),
    { numRuns: 1000 },
  );
});

test("in pieces it is the same as at once, wherever it is cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      const room = new ChecksummedBytes(100);
      room.bytes.set(bytes);
      const cut = Math.min(at, bytes.length);
      assert.equal(crc32cEnd(room.crc(room.crc(crc32cStart, 0, cut), cut, bytes.length)), crc32c(bytes));
      assert.equal(crc32c(bytes.subarray(0, cut), bytes.subarray(cut)), crc32c(bytes));
    }),
  );
});

function bitByBit(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ -1) >>> 0;
}

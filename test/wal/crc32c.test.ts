import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c, crc32cEnd, crc32cStart, crc32cUpdate } from "../../src/wal/crc32c.ts";

test("the published check values (RFC 3720, B.4, and the catalogue of CRCs)", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(new Uint8Array(0)), 0);
});

test("in pieces it is the same as at once, wherever it is cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      const cut = Math.min(at, bytes.length);
      const first = crc32cUpdate(crc32cStart, bytes, 0, cut);
      assert.equal(crc32cEnd(crc32cUpdate(first, bytes, cut, bytes.length)), crc32c(bytes));
    }),
  );
});

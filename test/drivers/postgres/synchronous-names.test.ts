import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatSynchronousNames,
  isSynchronousName,
  parseSynchronousNames,
} from "../../../src/drivers/postgres/synchronous-names.ts";

const table: readonly [setting: string, expected: ReturnType<typeof parseSynchronousNames>][] = [
  ["", undefined],
  ["  ", undefined],
  ["pg2", { method: "first", count: 1, names: ["pg2"] }],
  ["pg2, pg3", { method: "first", count: 1, names: ["pg2", "pg3"] }],
  ["*", { method: "first", count: 1, names: ["*"] }],
  ["2 (pg2,pg3 , pg4)", { method: "first", count: 2, names: ["pg2", "pg3", "pg4"] }],
  ["FIRST 1 (*)", { method: "first", count: 1, names: ["*"] }],
  ["any 2(a, b, c)", { method: "any", count: 2, names: ["a", "b", "c"] }],
  ['ANY 1 ("pg-2", "say ""hi""")', { method: "any", count: 1, names: ["pg-2", 'say "hi"'] }],
  ["first", { method: "first", count: 1, names: ["first"] }],
  ["any, first", { method: "first", count: 1, names: ["any", "first"] }],
];

for (const [setting, expected] of table)
  test(`synchronous_standby_names ${JSON.stringify(setting)}`, () =>
    assert.deepEqual(parseSynchronousNames(setting), expected));

for (const setting of ["FIRST 1 (a", "a b", "ANY 0 (a)", "(a)", 'a, "b', ","])
  test(`synchronous_standby_names ${JSON.stringify(setting)} is refused`, () =>
    assert.throws(() => parseSynchronousNames(setting), SyntaxError));

test("what is written is read back the same", () => {
  const value = fc.record(
    {
      method: fc.constantFrom("first" as const, "any" as const),
      count: fc.integer({ min: 1, max: 9 }),
      names: fc.array(fc.oneof(fc.constant("*"), fc.string({ minLength: 1 })), { minLength: 1 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(value, (one) => assert.deepEqual(parseSynchronousNames(formatSynchronousNames(one)), one)));
});

test("names are compared without regard to case, and * is everyone", () => {
  assert.equal(isSynchronousName({ method: "any", count: 1, names: ["PG2"] }, "pg2"), true);
  assert.equal(isSynchronousName({ method: "any", count: 1, names: ["pg2"] }, "pg3"), false);
  assert.equal(isSynchronousName({ method: "any", count: 1, names: ["*"] }, "pg3"), true);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { didYouMean, nearest } from "../../src/base/nearest.ts";

const names = ["ledger", "balances", "api", "pg1", "pg2"];

for (const [typed, meant] of [
  ["ledgr", "ledger"],
  ["leddger", "ledger"],
  ["ledegr", "ledger"],
  ["LEDGER", "ledger"],
  ["balanse", "balances"],
  ["pg3", "pg1"],
  ["apis", "api"],
  ["something", undefined],
  ["", undefined],
] as const)
  test(`nearest to “${typed}” is ${meant}`, () => assert.equal(nearest(typed, names), meant));

test("a question is asked only where a name is near", () => {
  assert.equal(didYouMean("ledgr", names), " Did you mean “ledger”?");
  assert.equal(didYouMean("zzzzzz", names), "");
});

test("a name is nearest to itself, and a very long one ends at once", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), (name) => nearest(name, ["", name, `${name}x`]) === name));
  assert.equal(nearest("a".repeat(1_000_000), ["a", "b".repeat(1_000_000)]), undefined);
});

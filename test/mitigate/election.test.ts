import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lsnAhead, lsnText } from "../../src/drivers/postgres/lsn.ts";
import { type Candidate, elect, unmetNeed } from "../../src/mitigate/election.ts";

const candidate = (node: string, lsn: string, more: Partial<Candidate> = {}): Candidate => ({
  node,
  lsn,
  timeline: 1,
  promoted: false,
  ...more,
});

test("the furthest is taken, although it is not the synchronous one", () => {
  assert.equal(elect([candidate("pg2", "0/10"), candidate("pg3", "0/20")])?.node, "pg3");
});

test("a tie is decided by the order, and by the choice", () => {
  const both = [candidate("pg2", "0/10"), candidate("pg3", "0/10")];
  assert.equal(elect(both)?.node, "pg2");
  assert.equal(elect(both, "pg3")?.node, "pg3");
});

test("a choice that is behind is not followed", () => {
  assert.equal(elect([candidate("pg2", "0/10"), candidate("pg3", "0/20")], "pg2")?.node, "pg3");
});

test("log of a newer timeline counts as more", () => {
  assert.equal(
    elect([candidate("stale", "0/90", { timeline: 1 }), candidate("pg3", "0/20", { timeline: 2 })])?.node,
    "pg3",
  );
});

test("one that was promoted before the interruption stays the one", () => {
  assert.equal(elect([candidate("pg2", "0/90"), candidate("pg3", "0/20", { promoted: true })])?.node, "pg3");
});

test("nobody to elect", () => assert.equal(elect([]), undefined));

test("whoever is elected has at least as much as every other on the same timeline", () => {
  const any = fc.record({ lsn: fc.bigInt(0n, 1n << 40n).map(lsnText), node: fc.string({ minLength: 1 }) });
  fc.assert(
    fc.property(fc.array(any, { minLength: 1 }), fc.option(fc.string(), { nil: undefined }), (some, chosen) => {
      const candidates = some.map(({ node, lsn }) => candidate(node, lsn));
      const elected = elect(candidates, chosen) as Candidate;
      assert.ok(candidates.every((one) => lsnAhead(elected.lsn, one.lsn) >= 0));
    }),
  );
});

test("a member that has gone silent since the plan was made blocks the election", () => {
  const needs = { of: ["pg2"], missingMax: 0 };
  assert.match(unmetNeed([candidate("pg3", "0/10")], needs) ?? "", /pg2 no longer answers/);
  assert.equal(unmetNeed([candidate("pg2", "0/10")], needs), undefined);
  assert.equal(unmetNeed([candidate("pg3", "0/10")], { of: ["pg2", "pg3"], missingMax: 1 }), undefined);
});

test("somebody still has to hold what one had received", () => {
  assert.match(unmetNeed([candidate("pg2", "0/10")], { received: "0/20" }) ?? "", /0\/20/);
  assert.equal(unmetNeed([candidate("pg2", "0/20")], { received: "0/20" }), undefined);
});

test("who holds no log of the timeline on which the last primary wrote has nothing of it", () => {
  const stale = candidate("pg2", "0/90");
  assert.match(unmetNeed([stale], { timeline: 2 }) ?? "", /timeline 2/);
  assert.match(
    unmetNeed([stale, candidate("pg3", "0/10", { timeline: 2 })], { of: ["pg2"], missingMax: 0, timeline: 2 }) ?? "",
    /pg2/,
  );
  assert.equal(
    unmetNeed([stale, candidate("pg3", "0/10", { timeline: 2 })], { of: ["pg3"], missingMax: 0, timeline: 2 }),
    undefined,
  );
});

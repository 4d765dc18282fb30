import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/finding/finding.ts";
import { diffFindings, type OpenFindings } from "../../src/watch/diff.ts";

const base: Finding = {
  code: "node.down",
  severity: "critical",
  subject: { kind: "node", name: "ledger/pg1" },
  title: "pg1 is down.",
  evidence: [],
  seenAt: "1",
  lastGoodAt: "0",
};
const none: OpenFindings = new Map();

test("a finding is told once, keeps when it was seen first, and is told when it is over", () => {
  const first = diffFindings(none, [base], "1");
  assert.deepEqual(first.change, { at: "1", raised: [base], cleared: [] });
  const second = diffFindings(
    first.open,
    [{ ...base, seenAt: "2", lastGoodAt: "1", title: "pg1 is still down." }],
    "2",
  );
  assert.equal(second.change, undefined);
  assert.deepEqual([...second.open.values()], [{ ...base, title: "pg1 is still down." }]);
  const third = diffFindings(second.open, [], "3");
  assert.deepEqual(third.change, { at: "3", raised: [], cleared: [{ code: base.code, subject: base.subject }] });
});

test("a finding is told again when it weighs differently", () => {
  const { open } = diffFindings(none, [base], "1");
  const lighter = {
    ...base,
    severity: "warning",
    remedy: { kind: "rejoin", subject: base.subject },
    seenAt: "2",
  } as const;
  const { change } = diffFindings(open, [lighter], "2");
  assert.deepEqual(change?.raised, [{ ...lighter, seenAt: "1" }]);
});

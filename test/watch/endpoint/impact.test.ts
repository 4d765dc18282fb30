import assert from "node:assert/strict";
import { test } from "node:test";
import { createCountHistory } from "../../../src/watch/endpoint/impact.ts";

const at = (second: number) => new Date(Date.parse("2026-11-20T03:00:00.000Z") + second * 1000).toISOString();

test("impact: what was counted between two moments, and around them where there is a gap", () => {
  const history = createCountHistory();
  history.add({ requests: 100, failed: 1 }, at(0));
  history.add({ requests: 110, failed: 1 }, at(10));
  // Down from 10 to 20: nothing could be read.
  history.add({ requests: 150, failed: 31 }, at(20));
  history.add({ requests: 190, failed: 31 }, at(30));
  assert.deepEqual(history.between("api", at(12), at(18)), {
    service: "api",
    requests: 40,
    failed: 30,
    from: at(12),
    to: at(18),
  });
  assert.equal(history.between("api", at(10), at(30))?.requests, 80);
  assert.equal(history.between("api", at(0), at(99))?.requests, 90);
});

test("impact: a counter that a restart set back counts from nothing", () => {
  const history = createCountHistory();
  history.add({ requests: 1000, failed: 50 }, at(0));
  history.add({ requests: 1010, failed: 50 }, at(1));
  history.add({ requests: 7, failed: 2 }, at(2));
  assert.deepEqual(history.between("api", at(0), at(2)), {
    service: "api",
    requests: 17,
    failed: 2,
    from: at(0),
    to: at(2),
  });
});

test("impact: not known where nothing was counted", () => {
  const history = createCountHistory();
  assert.equal(history.between("api", at(0), at(10)), undefined);
  history.add({ requests: 1, failed: 0 }, at(5));
  assert.equal(history.between("api", at(0), at(10)), undefined);
});

test("impact: a day is kept, in little room, and its sum is exact", () => {
  const history = createCountHistory();
  for (let second = 0; second <= 80_000; second++) history.add({ requests: second * 3, failed: second }, at(second));
  assert.deepEqual(history.between("api", at(0), at(80_000))?.requests, 240_000);
  assert.equal(history.between("api", at(79_990), at(80_000))?.failed, 10);
});

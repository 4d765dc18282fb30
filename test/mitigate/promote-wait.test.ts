import assert from "node:assert/strict";
import { test } from "node:test";
import { unlessStuck } from "../../src/mitigate/steps/promote.ts";

/* A standby hours behind is promoted once it has replayed all: the plan waits for it, and only for one that moves. */

const limits = { everyMs: 1, timeoutMs: 3, signal: new AbortController().signal };

test("a promotion is waited for as long as the replay moves", async () => {
  let place = 0;
  const reached = async () => (place >= 5 ? true : undefined);
  assert.equal(await unlessStuck(reached, async () => String((place += 1)), limits), true);
});

test("a promotion is given up where the replay is stuck", async () => {
  let place = 0;
  const stuck = async () => String((place = Math.min(place + 1, 3)));
  assert.equal(await unlessStuck(async () => undefined, stuck, limits), false);
});

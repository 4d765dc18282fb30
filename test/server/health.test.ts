import assert from "node:assert/strict";
import { test } from "node:test";
import { createHealthKeeper } from "../../src/server/health.ts";
import { systemClock } from "../../src/base/time.ts";

test("it is not well while nobody follows the incidents, whatever else is written meanwhile", () => {
  const keeper = createHealthKeeper({ clock: systemClock, nodes: () => [], writeEveryMs: 60_000, heartbeatMs: 1000 });
  try {
    assert.equal(keeper.health().healthy, true);
    keeper.follows(false);
    keeper.recovered();
    keeper.wrote();
    assert.equal(keeper.health().healthy, false);
    const failed = keeper.health().checks.filter(({ ok }) => !ok);
    assert.deepEqual(
      failed.map(({ name }) => name),
      ["autopilot"],
    );
    keeper.follows(true);
    assert.equal(keeper.health().healthy, true);
  } finally {
    keeper.close();
  }
});

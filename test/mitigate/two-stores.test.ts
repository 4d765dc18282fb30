import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { onlyPrimary, signal } from "./servers.ts";
import { remember, withWorld, worldOf } from "./world.ts";

/** Whoever is late is stopped by the first look or by the second; several rounds meet both. */
const rounds = 4;

test("two executors that do not share a store, and choose differently, promote one node between them", async () => {
  for (let round = 0; round < rounds; round++)
    await withWorld({}, async (world) => {
      const timeline = await openSqliteTimeline(join(world.lab.directory, "other.db"));
      const other = await worldOf(world.lab, timeline);
      try {
        await remember(other);
        await signal(world, "pg1", "SIGKILL");
        const results = await Promise.all([
          world.act("failover", "ledger", { node: "pg2" }),
          other.act("failover", "ledger", { node: "pg3" }),
        ]);
        await onlyPrimary(world);
        assert.ok(
          results.some((result) => result.outcome !== "stopped"),
          JSON.stringify(results),
        );
      } finally {
        await other.fleet.close();
        await timeline.close();
      }
    });
});

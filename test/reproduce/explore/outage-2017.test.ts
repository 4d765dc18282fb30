import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { outageOf2017 } from "./cibs.ts";
import { explored, shortestOf, withoutScheduler, withScheduler } from "./searching.ts";

const apart = "backup-vip-not-with-master";

describe("the outage of 2017", { skip: withoutScheduler }, () => {
  const table: readonly [direction: "D1" | "D2", score: string | number, stickiness: number, blocks: boolean][] = [
    ["D1", "-INFINITY", 0, false],
    ["D1", "-INFINITY", 100, false],
    ["D1", "-INFINITY", 200, false],
    ["D1", -1000, 0, false],
    ["D1", -1000, 100, false],
    ["D1", -1000, 200, false],
    ["D2", "-INFINITY", 0, true],
    ["D2", "-INFINITY", 100, true],
    ["D2", "-INFINITY", 200, true],
    ["D2", -1000, 0, false],
    ["D2", -1000, 100, true],
    ["D2", -900, 100, false],
    ["D2", -50, 100, false],
  ];
  for (const [direction, score, stickiness, blocks] of table)
    test(`${direction} ${score}, stickiness ${stickiness}: ${blocks ? "blocks" : "does not"} when the primary is lost`, async () => {
      const { blocked } = await withScheduler((crm) =>
        explored(crm, outageOf2017({ direction, score, stickiness }), 1),
      );
      assert.equal(blocked.length, blocks ? 1 : 0);
      if (!blocks) return;
      assert.deepEqual(blocked[0]?.group.causes[0], { constraints: [apart], promoted: ["pg2"] });
      assert.deepEqual(blocked[0]?.group.states[0]?.faults, [{ kind: "node-down", node: "pg1" }]);
      assert.equal(blocked[0]?.confirmed, true);
    });

  test("the direction is the repair; the published score misses by one point", async () => {
    const report = await withScheduler((crm) =>
      explored(crm, outageOf2017({ direction: "D2", score: "-INFINITY", stickiness: 100 }), 3),
    );
    assert.equal(report.complete, true);
    assert.equal(report.blocked.length, 1);
    assert.deepEqual(shortestOf(report), [{ kind: "node-down", node: "pg1" }]);
    const { sufficient = [], insufficient = [] } = report.blocked[0]?.repairs ?? {};
    const told = sufficient.map(({ change, together }) => [change.attribute, change.to, together.length]);
    assert.deepEqual(told, [
      ["direction", "PostgresqlBackupVIP gives way to msPostgresql:Master", 0],
      ["score", "-999", 1],
    ]);
    const notEnough = insufficient.map(({ change, faults }) => [change.of, change.attribute, change.to, faults.length]);
    assert.deepEqual(notEnough[0], [apart, "score", "-1000", 1]);
    assert.ok(
      notEnough.some(
        ([of, attribute, to]) => of === "PostgresqlBackupVIP" && attribute === "resource-stickiness" && to === "0",
      ),
    );
  });
});

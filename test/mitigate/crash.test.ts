import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { readPlan } from "../../src/plan/status.ts";
import { lostWrites, startWriter } from "../support/writer.ts";
import type { CrashPoint } from "./crashing-executor.ts";
import { assertWhole, onlyPrimary, signal } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/*
 * The executor is killed with SIGKILL in every step: in its middle, when it is done but not
 * recorded, and between two. The next one goes on with what
 * it finds. One plan suffers them all, one after the other.
 */

/** Steps that take long are hit in their middle several times. */
const longSteps: Readonly<Record<string, readonly number[]>> = {
  fence: [15, 45],
  "hand-over": [10, 40, 80],
  promote: [4, 12],
  "keep-pg1": [30],
  "rejoin-pg1": [60, 150, 300, 500],
};

for (const kind of ["failover", "switchover"] as const)
  test(`a ${kind} whose executor is killed in every step ends whole`, async () => {
    await withWorld({}, async (world) => {
      const writer = await startWriter({ addressFile: world.lab.addressFile });
      try {
        if (kind === "failover") await signal(world, "pg1", "SIGKILL");
        const plan = await world.plan(kind, "ledger");
        assert.ok(!isRefusal(plan), JSON.stringify(plan));
        await world.executor.store(plan, "person:test");
        let crashes = 0;
        for (const { id: step } of plan.steps) {
          for (const when of [...(longSteps[step] ?? [3]), "done"] as const) {
            if (await crashed(world, plan.id, { step, when })) crashes += 1;
            const status = await readPlan(world.timeline, plan.id);
            assert.notEqual(status?.state, "running", "a plan whose executor is dead shows as running");
            assert.notEqual(status?.state, "stopped", JSON.stringify(status?.stopped));
          }
        }
        assert.ok(crashes >= 2 * plan.steps.length - 1, `only ${crashes} crashes`);
        const result = await world.executor.run(plan.id, "person:test");
        assert.equal(result.outcome, "done", result.state);
        await writer.nextAcknowledged(Date.now(), 10_000);
        await writer.stop();
        const primary = await assertWhole(world);
        assert.deepEqual(await lostWrites(world.lab.node(primary).url, writer.acknowledged()), []);
        assert.equal((await readPlan(world.timeline, plan.id))?.state, "done");
      } finally {
        await writer.stop();
      }
    });
  });

test("the last primary is started by hand between two attempts: nobody is promoted beside it", async () => {
  await withWorld({}, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger");
    assert.ok(!isRefusal(plan));
    await world.executor.store(plan, "person:test");
    assert.ok(await crashed(world, plan.id, { step: "elect", when: "done" }));
    const { rmSync } = await import("node:fs");
    rmSync(join(world.lab.node("pg1").dataDirectory, "standby.signal"));
    await (await world.fleet.instance("ledger", "pg1"))?.start(60_000);
    const result = await world.executor.run(plan.id, "person:test");
    assert.equal(result.outcome, "stopped");
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

/** True when it died; false when the point did not come and it ended in order. */
async function crashed(world: World, planId: string, point: CrashPoint): Promise<boolean> {
  const file = join(import.meta.dirname, "crashing-executor.ts");
  const timeline = join(world.lab.directory, "timeline.db");
  const args = [file, world.lab.systemFile, timeline, planId, point.step, String(point.when)];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], { stdio: "inherit" });
  const [, killed] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once("exit", (code, signal) => resolve([code, signal])),
  );
  return killed === "SIGKILL";
}

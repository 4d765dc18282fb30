import assert from "node:assert/strict";
import { test } from "node:test";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { undoPlan } from "../../src/plan/undo.ts";
import { lostWrites, startWriter } from "../support/writer.ts";
import { interruptBefore } from "./interrupt.ts";
import { assertWhole, on, signal, until } from "./servers.ts";
import { withUnwatchedWorld } from "./world.ts";

/* Clusters that no watch has ever seen: no plan has any memory of them to go by. */

for (const [where, aimed] of [
  ["nowhere", undefined],
  ["at itself", "pg1"],
] as const)
  test(`a failover stops after its election, and somebody starts the old primary, which is aimed ${where}: the next one promotes without loss`, async () => {
    await withUnwatchedWorld({}, async (world) => {
      const writer = await startWriter({ addressFile: world.lab.addressFile });
      try {
        if (aimed !== undefined)
          await on(world, "pg1", (connection) =>
            connection.query(
              `alter system set primary_conninfo = 'host=127.0.0.1 port=${world.lab.node(aimed).port} user=blackstart'`,
            ),
          );
        await signal(world, "pg1", "SIGKILL");
        const plan = await world.plan("failover", "ledger");
        assert.ok(!isRefusal(plan), isRefusal(plan) ? plan.missing : undefined);
        await world.executor.store(plan, "person:test");
        await interruptBefore(world, plan, "set-synchronous");
        await (await world.fleet.instance("ledger", "pg1"))?.start(60_000);

        const again = await world.act("failover", "ledger");
        assert.equal(again.outcome, "done", again.state);
        await writer.nextAcknowledged(Date.now(), 10_000);
        await writer.stop();
        const primary = await assertWhole(world);
        assert.deepEqual(await lostWrites(world.lab.node(primary).url, writer.acknowledged()), []);
      } finally {
        await writer.stop();
      }
    });
  });

test("what a stopped failover has set on a standby that it did not promote is taken back by undoing it", async () => {
  await withUnwatchedWorld({}, async (world) => {
    const setting = async () => {
      const ask = "select current_setting('synchronous_standby_names') as names";
      const [row] = await on(world, "pg2", (connection) => connection.query<{ names: string }>(ask));
      return row?.names;
    };
    const before = await setting();
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger", { node: "pg2" });
    assert.ok(!isRefusal(plan), isRefusal(plan) ? plan.missing : undefined);
    await world.executor.store(plan, "person:test");
    await interruptBefore(world, plan, "promote");
    assert.notEqual(await setting(), before);
    await on(world, "pg3", (connection) => connection.query("select pg_promote(true)"));
    assert.equal((await world.executor.run(plan.id, "person:test")).outcome, "stopped");

    const { system, fleet, timeline } = world;
    const handlers = registryOf(...mitigationHandlers({ system, fleet, timeline }));
    const undone = await undoPlan({ timeline, handlers }, plan.id, "person:test", "person");
    assert.deepEqual([undone.outcome, undone.undone], ["undone", ["set-synchronous"]]);
    await until("the setting is in force", async () => (await setting()) === before);
  });
});

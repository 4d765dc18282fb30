import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

test("standbys whose receivers were stopped for an election that elects nobody stream as before", async () => {
  await withWorld({}, async (world) => {
    const before = await Promise.all(["pg2", "pg3"].map((node) => conninfoOf(world, node)));
    const made = await world.plan("switchover", "ledger");
    assert.ok(!isRefusal(made));
    // The primary lives, so the receivers go on; and nobody can have received so much.
    const parameters = { cluster: "ledger", candidates: ["pg2", "pg3"], needs: { received: "FFFFFF/0" } };
    const plan = { ...made, steps: [{ id: "elect", kind: "postgres.elect", title: "Elect", parameters }] };
    await world.executor.store(plan, "person:test");
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /Nobody that answers has received up to/);
    assert.deepEqual(await Promise.all(["pg2", "pg3"].map((node) => conninfoOf(world, node))), before);
    await until("both stream", async () => (await streaming(world, "pg1")).join() === "pg2,pg3");
  });
});

/** In whatever order and quotes. */
async function conninfoOf(world: World, node: string): Promise<readonly string[]> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ value: string }>("select current_setting('primary_conninfo') as value"),
  );
  return (row?.value ?? "").replaceAll("'", "").split(/\s+/).toSorted();
}

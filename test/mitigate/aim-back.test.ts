import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, signal, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

test("standbys whose receivers were stopped for an election that elects nobody stream as before", async () => {
  await withWorld({}, async (world) => {
    const before = await Promise.all(["pg2", "pg3"].map((node) => conninfoOf(world, node)));
    const made = await world.plan("switchover", "ledger");
    assert.ok(!isRefusal(made));
    // The primary hangs, so the receivers stay; and nobody can have received so much.
    await signal(world, "pg1", "SIGSTOP");
    const parameters = { cluster: "ledger", candidates: ["pg2", "pg3"], needs: { received: "FFFFFF/0" } };
    const plan = { ...made, steps: [{ id: "elect", kind: "postgres.elect", title: "Elect", parameters }] };
    await world.executor.store(plan, "person:test");
    const result = await world.executor.run(plan.id, "person:test", "person");
    await signal(world, "pg1", "SIGCONT");
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /Nobody that answers has received up to/);
    assert.deepEqual(await Promise.all(["pg2", "pg3"].map((node) => conninfoOf(world, node))), before);
    await until("both stream", async () => (await streaming(world, "pg1")).join() === "pg2,pg3");
  });
});

test("a standby whose receiver an earlier election has stopped is not led back to nowhere", async () => {
  await withWorld({}, async (world) => {
    const before = await conninfoOf(world, "pg3");
    const receiver = await receiverOf(world, "pg3");
    // It has not noticed yet that it is aimed at nowhere, nor that the primary is dead.
    process.kill(receiver, "SIGSTOP");
    try {
      await on(world, "pg3", async (connection) => {
        const nowhere = before.map((part) => part.replace(/^(host)=.*/, "$1=127.0.0.1").replace(/^(port)=.*/, "$1=1"));
        await connection.query(`alter system set primary_conninfo = '${nowhere.join(" ")}'`);
        await connection.query("select pg_reload_conf()");
      });
      await signal(world, "pg1", "SIGKILL");
      const plan = await world.plan("failover", "ledger", { node: "pg3" });
      if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
      await world.executor.store(plan, "person:test");
      const result = await world.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state, /pg3: its receiver cannot be stopped/);
    } finally {
      process.kill(receiver, "SIGCONT");
    }
    await until("it is aimed at pg1", async () => (await conninfoOf(world, "pg3")).join() === before.join());
  });
});

async function receiverOf(world: World, node: string): Promise<number> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ pid: number }>("select pid from pg_stat_wal_receiver"),
  );
  assert.ok(row);
  return row.pid;
}

/** In whatever order and quotes. */
async function conninfoOf(world: World, node: string): Promise<readonly string[]> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ value: string }>("select current_setting('primary_conninfo') as value"),
  );
  return (row?.value ?? "").replaceAll("'", "").split(/\s+/).toSorted();
}

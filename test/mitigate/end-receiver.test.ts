import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Fleet } from "../../src/drivers/fleet.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { createExecutor, type PlanResult } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { postgresVersions } from "../support/postgres-versions.ts";
import { on, signal, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* A receiver that waits for the fenced primary, on a server that cannot be aimed at nowhere: the election ends it. */

const lab = { standbys: ["asynchronous"] as const, nodeSettings: { pg2: { wal_receiver_timeout: "0" } } };
const newest = postgresVersions.find(({ title }) => title.includes("npm"));

test("an election where ALTER SYSTEM is off", { skip: newest?.skip ?? "none" }, () =>
  withWorld({ ...lab, binaries: newest?.binaries ?? "" }, async (world) => {
    appendFileSync(join(world.lab.node("pg2").dataDirectory, "postgresql.conf"), "\nallow_alter_system = off\n");
    await on(world, "pg2", (connection) => connection.query("select pg_reload_conf()"));
    await until("it is off", async () => {
      const query = "select from pg_settings where name = 'allow_alter_system' and setting = 'off'";
      return (await on(world, "pg2", (connection) => connection.query(query))).length === 1;
    });
    // As on a machine that cannot be reached.
    const blind = { ...world.fleet, instance: async () => undefined };
    const refused = await elected(world, blind);
    assert.equal(refused.outcome, "stopped");
    assert.match(refused.state, /its receiver cannot be stopped: .*ALTER SYSTEM is not allowed/);
    const { outcome, state } = await elected(world, world.fleet);
    assert.equal(outcome, "done", state);
  }),
);

test("an election where the command line sets primary_conninfo", () =>
  withWorld(lab, async (world) => {
    const pg2 = await world.fleet.instance("ledger", "pg2");
    assert.ok(pg2);
    const conninfo = await pg2.setting("primary_conninfo");
    await pg2.stop("fast", 60_000);
    const file = join(pg2.dataDirectory, "postmaster.opts");
    writeFileSync(file, `${readFileSync(file, "utf8").trimEnd()} "-c" "primary_conninfo=${conninfo}"\n`);
    await pg2.start(60_000);
    await until("it streams", async () => (await streaming(world, "pg1")).join() === "pg2");
    const { outcome, state } = await elected(world, world.fleet);
    assert.equal(outcome, "done", state);
  }));

/** The primary hangs, so the receiver stays. */
async function elected(world: World, fleet: Fleet): Promise<PlanResult> {
  const made = await world.plan("switchover", "ledger");
  assert.ok(!isRefusal(made));
  await signal(world, "pg1", "SIGSTOP");
  try {
    const parameters = { cluster: "ledger", candidates: ["pg2"], needs: {} };
    const plan = { ...made, steps: [{ id: "elect", kind: "postgres.elect", title: "Elect", parameters }] };
    await world.executor.store(plan, "person:test");
    const handlers = registryOf(...mitigationHandlers({ ...world, fleet }));
    return await createExecutor({ timeline: world.timeline, handlers }).run(plan.id, "person:test", "person");
  } finally {
    await signal(world, "pg1", "SIGCONT");
  }
}

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFleet } from "../../src/drivers/fleet.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { makeMitigationPlan } from "../../src/mitigate/plans.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import type { System } from "../../src/system/schema.ts";
import { onlyPrimary, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* What counts as fenced, on real clusters. */

test("a fence command that ends with 0 and cuts nothing off is not believed", async () => {
  await withWorld({}, async (world) => {
    const postmaster = (await (await world.fleet.instance("ledger", "pg1"))?.inspect())?.postmasterPid;
    // It wakes the halted primary instead of ending it.
    const result = await failover(world, { host: undefined, fence: `kill -CONT ${postmaster}` }, async () => {
      await signal(world, "pg1", "SIGSTOP");
    });
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /pg1 is not fenced/);
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

test("a data directory that is not there does not prove that its server is dead", async () => {
  await withWorld({}, async (world) => {
    const halt = () => signal(world, "pg1", "SIGSTOP");
    const result = await failover(world, { data: `${world.lab.node("pg1").dataDirectory}-misspelt` }, halt);
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /pg1 is not fenced/);
    await signal(world, "pg1", "SIGCONT");
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

test("a data directory in which nothing runs does not prove it either, where its server takes connections", async () => {
  await withWorld({}, async (world) => {
    // As a machine has that was the primary's once, or is a copy of it.
    const copy = `${world.lab.node("pg1").dataDirectory}-copy`;
    cpSync(world.lab.node("pg1").dataDirectory, copy, { recursive: true });
    rmSync(join(copy, "postmaster.pid"));
    const result = await failover(world, { data: copy }, () => signal(world, "pg1", "SIGSTOP"));
    assert.equal(result.outcome, "stopped");
    assert.match(result.state ?? "", /pg1 is not fenced/);
    await signal(world, "pg1", "SIGCONT");
    assert.equal(await onlyPrimary(world), "pg1");
  });
});

test("a primary whose disk takes no writes is cut off by the fence command, and left as it is without one", async () => {
  await withWorld({}, async (world) => {
    const { dataDirectory } = world.lab.node("pg1");
    const markless = async () => {
      await signal(world, "pg1", "SIGKILL");
      // Nothing can be put there, not even by root.
      mkdirSync(join(dataDirectory, "standby.signal.part"));
    };
    const refused = await failover(world, {}, markless);
    assert.equal(refused.outcome, "stopped");
    assert.match(refused.state ?? "", /pg1 cannot be marked as a standby/);
    const cut = await failover(world, { fence: "true" }, async () => {});
    assert.notEqual(cut.outcome, "stopped", cut.state);
    assert.notEqual(await onlyPrimary(world), "pg1");
  });
});

test("a primary whose data directory is gone cannot be marked: a command cuts it off, or a person has the say", async () => {
  await withWorld({}, async (world) => {
    const { dataDirectory } = world.lab.node("pg1");
    await signal(world, "pg1", "SIGKILL");
    await until(
      "it is down",
      async () => (await (await world.fleet.instance("ledger", "pg1"))?.inspect())?.state === "down",
    );
    renameSync(dataDirectory, `${dataDirectory}-unmounted`);
    const plan = await world.plan("failover", "ledger");
    if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
    assert.match(plan.needsPerson ?? "", /pg1 has no data directory/);
    const cut = join(world.lab.directory, "cut");
    const result = await failover(world, { fence: `echo "$BLACKSTART_NODE" >${cut}` }, async () => {});
    assert.notEqual(result.outcome, "stopped", result.state);
    assert.equal(readFileSync(cut, "utf8"), "pg1\n");
  });
});

type Change = Readonly<{ host?: undefined; data?: string; fence?: string }>;

/** With a system file in which pg1 and the cluster are declared otherwise. */
async function failover(world: World, { fence, ...node }: Change, before: () => Promise<void>) {
  const { ledger } = world.system.clusters;
  assert.ok(ledger?.nodes.pg1);
  const nodes = { ...ledger.nodes, pg1: { ...ledger.nodes.pg1, ...node } };
  const system: System = { ...world.system, clusters: { ledger: { ...ledger, nodes, ...(fence ? { fence } : {}) } } };
  const fleet = createFleet(system);
  const context = { system, fleet, timeline: world.timeline };
  try {
    await before();
    const subject = { kind: "cluster", name: "ledger" } as const;
    const plan = await makeMitigationPlan({ kind: "failover", subject, options: { acceptLoss: true } }, context);
    if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
    const executor = createExecutor({ timeline: world.timeline, handlers: registryOf(...mitigationHandlers(context)) });
    await executor.store(plan, "person:test");
    return await executor.run(plan.id, "person:test", "person");
  } finally {
    await fleet.close();
  }
}

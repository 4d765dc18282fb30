import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { createFleet, type Fleet } from "../../src/drivers/fleet.ts";
import type { MitigationContext } from "../../src/mitigate/context.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { makeMitigationPlan } from "../../src/mitigate/plans.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { startWriter } from "../support/writer.ts";
import { onlyPrimary, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/*
 * Only the way from us to the primary is cut, and where `host:` and `data:` lead to there is a dead copy of it: nothing
 * that we see ourselves contradicts that it is dead. Its standbys do.
 */

const subject = { kind: "cluster", name: "ledger" } as const;

test("a standby that hears the primary is believed, and not a host that sees it down", () =>
  withDeadCopy(async (world, context) => {
    const writer = await startWriter({ addressFile: world.lab.addressFile });
    try {
      const refused = await makeMitigationPlan({ kind: "failover", subject }, context);
      assert.ok(isRefusal(refused), "a living primary would be replaced");
      assert.equal(refused.rule, "primary-heard");
      assert.match(refused.missing, /its host sees nothing of it/);
    } finally {
      await writer.stop();
    }
  }));

test("a primary that was silent when the plan was made, and writes when another is to be elected, is not replaced", () =>
  withDeadCopy(async (world, context) => {
    const made = () => makeMitigationPlan({ kind: "failover", subject }, context);
    // What a primary logs by itself, soon after its start, is heard as well.
    let plan = await made();
    await until("the primary is idle", async () => {
      if (isRefusal(plan) && plan.rule === "primary-heard") plan = await made();
      return !isRefusal(plan) || plan.rule !== "primary-heard";
    });
    if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
    const executor = createExecutor({ timeline: world.timeline, handlers: registryOf(...mitigationHandlers(context)) });
    await executor.store(plan, "person:test");
    const writer = await startWriter({ addressFile: world.lab.addressFile });
    try {
      const result = await executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped", "there are two primaries");
      assert.match(result.state, /pg1 is alive: pg[23] receives more and more from it/);
    } finally {
      await writer.stop();
    }
    assert.equal(await onlyPrimary(world), "pg1");
  }));

/** An idle primary says nothing for half a minute: however long a look takes, it is not heard from meanwhile. */
const settings = { wal_sender_timeout: "60s", wal_receiver_timeout: "60s" };

async function withDeadCopy(use: (world: World, context: MitigationContext) => Promise<void>): Promise<void> {
  await withWorld({ settings }, async (world) => {
    const { dataDirectory } = world.lab.node("pg1");
    const copy = `${dataDirectory}-copy`;
    cpSync(dataDirectory, copy, { recursive: true });
    rmSync(join(copy, "postmaster.pid"));
    const { ledger } = world.system.clusters;
    assert.ok(ledger?.nodes.pg1);
    const nodes = { ...ledger.nodes, pg1: { ...ledger.nodes.pg1, data: copy } };
    const system = { ...world.system, clusters: { ledger: { ...ledger, nodes } } };
    const real = createFleet(system);
    const fleet: Fleet = {
      ...real,
      connect: (cluster, node, options) =>
        node === "pg1" ? Promise.reject(noWay) : real.connect(cluster, node, options),
    };
    try {
      await use(world, { system, fleet, timeline: world.timeline });
    } finally {
      await real.close();
    }
  });
}

const noWay = new BlackstartError("UNREACHABLE", {
  what: "connect EHOSTUNREACH",
  why: "There is no way there.",
  next: "See the network.",
  details: { errno: "EHOSTUNREACH" },
});

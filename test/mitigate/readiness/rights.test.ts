import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ClusterFacts } from "../../../src/mitigate/cluster-facts.ts";
import { planFailover } from "../../../src/mitigate/planners/failover.ts";
import { planSwitchover } from "../../../src/mitigate/planners/switchover.ts";
import { type Right, refuseRights } from "../../../src/mitigate/readiness/rights.ts";
import { isRefusal, type Refusal } from "../../../src/plan/plan.ts";
import { alive, facts, noChoice, primaryDead, system } from "../fixtures.ts";
import { on, signal, until } from "../servers.ts";
import { asRole, withSystemFile, withWorld } from "../world.ts";

/* What our role may not do is known before anything is done. */

function refusalOf(plan: typeof planFailover, seen: ClusterFacts): Refusal | undefined {
  const draft = plan(system(), seen, noChoice);
  if (isRefusal(draft)) assert.fail(`refused (${draft.rule}): ${draft.missing}`);
  return refuseRights(draft, seen);
}

function lacking(seen: ClusterFacts, node: string, ...lacks: Right[]): ClusterFacts {
  const nodes = seen.nodes.map((one) => (one.node === node ? { ...one, rights: { role: "watcher", lacks } } : one));
  return { ...seen, nodes };
}

test("what the plan needs on a node decides, not what the role lacks elsewhere", () => {
  const failover = (node: string, right: Right) => refusalOf(planFailover, lacking(primaryDead(), node, right));
  assert.match(failover("pg3", "promote")?.missing ?? "", /on pg3, watcher lacks pg_promote\(boolean, integer\)/);
  assert.equal(failover("pg3", "conninfo")?.rule, "rights");
  assert.equal(failover("pg3", "checkpoint"), undefined);
  const well = facts(alive("pg1", "primary"), alive("pg2", "standby"), alive("pg3", "standby"));
  assert.equal(refusalOf(planSwitchover, lacking(well, "pg1", "checkpoint"))?.rule, "rights");
  assert.equal(refusalOf(planSwitchover, lacking(well, "pg3", "promote")), undefined);
});

test("a grant is offered only where it can be run: from 15 on, and while there is a primary", () => {
  const well = (version: number) =>
    facts(alive("pg1", "primary", { version }), alive("pg2", "standby", { version }), alive("pg3", "standby"));
  const provided = (plan: typeof planFailover, seen: ClusterFacts) =>
    refusalOf(plan, lacking(seen, "pg2", "synchronous"))?.provide ?? "";
  assert.match(provided(planSwitchover, well(150_000)), /grant alter system on parameter synch\w+ to "watcher";/);
  assert.match(provided(planSwitchover, well(140_000)), /Give pg2 a superuser's `url` in blackstart.yaml\.$/);
  assert.match(provided(planFailover, primaryDead()), /Give pg2 a superuser's `url` in blackstart.yaml\.$/);
});

test("a role that may only watch: a failover is refused, and the dead primary stays as it was; the grants help", async () => {
  await withWorld({}, async (world) => {
    await on(world, "pg1", (connection) => connection.query("create role watcher login in role pg_monitor"));
    const arrived = (node: string) =>
      on(world, node, async (connection) => {
        const rows = await connection.query("select from pg_roles where rolname = 'watcher'");
        return rows.length > 0;
      });
    await until("the standbys know the role", async () => (await arrived("pg2")) && arrived("pg3"));
    await withSystemFile(world, asRole("watcher"), async (watching) => {
      const switchover = await watching.plan("switchover", "ledger");
      assert.ok(isRefusal(switchover));
      assert.match(switchover.missing, /on pg1, watcher lacks .*pg_checkpoint/);
      const grants = switchover.provide.match(/grant [^;]+;/g) ?? [];

      await signal(world, "pg1", "SIGKILL");
      const failover = await watching.plan("failover", "ledger");
      assert.equal(isRefusal(failover) && failover.rule, "rights");
      assert.equal(existsSync(join(world.lab.node("pg1").dataDirectory, "standby.signal")), false);

      assert.equal((await world.act("restart", "ledger/pg1")).outcome, "done");
      for (const grant of grants) await on(world, "pg1", (connection) => connection.query(grant));
      const granted = async () => !isRefusal(await watching.plan("switchover", "ledger"));
      await until("the standbys have the grants", granted);
      const result = await watching.act("switchover", "ledger");
      assert.equal(result.outcome, "done", result.state);
    });
  });
});

import assert from "node:assert/strict";
import { appendFileSync, existsSync } from "node:fs";
import { describe, test } from "node:test";
import type { ClusterFacts, NodeFacts } from "../../../src/mitigate/cluster-facts.ts";
import { planFailover } from "../../../src/mitigate/planners/failover.ts";
import { planRejoin } from "../../../src/mitigate/planners/rejoin.ts";
import { planSwitchover } from "../../../src/mitigate/planners/switchover.ts";
import { type Limits, limitsOf } from "../../../src/mitigate/readiness/limits.ts";
import { readied } from "../../../src/mitigate/readiness/ready.ts";
import { isRefusal } from "../../../src/plan/plan.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";
import * as fixtures from "../fixtures.ts";
import { on, signal } from "../servers.ts";
import { withSystemFile, withWorld } from "../world.ts";

const none: Limits = {
  altersSystem: true,
  fixed: [],
  brokenLines: [],
  readOnly: false,
  endsRecovery: [],
  recoveryTarget: null,
  walSenders: { most: 10, used: 2 },
  slots: { most: 10, used: 0 },
};

const choice = { acceptLoss: false, evenIfStarting: false };

/** `rule` of the refusal; or the statement that the plan carries; or neither. */
const rows: readonly (readonly [
  title: string,
  node: string,
  Partial<NodeFacts>,
  failover: string,
  switchover: string,
])[] = [
  ["nothing", "pg2", { limits: none }, "planned", "planned"],
  ["no ALTER SYSTEM", "pg2", { limits: { ...none, altersSystem: false } }, "alter-system", "alter-system"],
  [
    "synchronous_standby_names on the command line",
    "pg2",
    { limits: { ...none, fixed: ["synchronous_standby_names"] } },
    "command-line",
    "command-line",
  ],
  [
    "primary_conninfo of a follower on the command line",
    "pg3",
    { limits: { ...none, fixed: ["primary_conninfo"] } },
    "on pg3, primary_conninfo",
    "on pg3, primary_conninfo",
  ],
  [
    "a broken line",
    "pg2",
    { limits: { ...none, brokenLines: ["x.conf, line 1: syntax error"] } },
    "configuration",
    "configuration",
  ],
  ["a candidate that only reads", "pg2", { limits: { ...none, readOnly: true } }, "read-only", "read-only"],
  [
    "a candidate whose url would lead another to itself",
    "pg2",
    { astray: ["pg3"] },
    "is an address of its own machine alone: pg3 would connect to itself there",
    "replication-address",
  ],
  [
    "clients that may only read there",
    "pg2",
    { clientsLogin: { role: "app", readOnly: true } },
    "read-only",
    "read-only",
  ],
  [
    "clients that are not let in there",
    "pg2",
    { clientsLogin: { problem: "no", sqlstate: "28000" } },
    "clients-login",
    "clients-login",
  ],
  [
    "clients, while the server is full",
    "pg2",
    { clientsLogin: { problem: "no", sqlstate: "53300" } },
    "planned",
    "planned",
  ],
  ["clients, and no answer", "pg2", { clientsLogin: { problem: "timeout" } }, "planned", "planned"],
  [
    "a recovery target of the primary",
    "pg1",
    { limits: { ...none, endsRecovery: ["recovery_target = immediate"], fixed: ["recovery_target"] } },
    "planned",
    "ends-recovery",
  ],
  [
    "a command line of the primary that cannot be repeated",
    "pg1",
    { unrepeatable: true },
    "on pg1, the command line",
    "start",
  ],
];

const healthy = fixtures.facts(
  fixtures.alive("pg1", "primary"),
  fixtures.alive("pg2", "standby"),
  fixtures.alive("pg3", "standby"),
);

function changed(facts: ClusterFacts, node: string, more: Partial<NodeFacts>): ClusterFacts {
  return { ...facts, nodes: facts.nodes.map((one) => (one.node === node ? { ...one, ...more } : one)) };
}

describe("what a step would fail on is asked before the plan is made", () => {
  for (const [title, node, more, failover, switchover] of rows) {
    test(`${title}: failover ${failover}, switchover ${switchover}`, () => {
      const dead = changed(fixtures.primaryDead(), node, more);
      assert.equal(
        verdictOf(readied(planFailover(fixtures.system(), dead, { ...choice, node: "pg2" }), dead), failover),
        failover,
      );
      const well = changed(healthy, node, more);
      assert.equal(
        verdictOf(readied(planSwitchover(fixtures.system(), well, { ...choice, node: "pg2" }), well), switchover),
        switchover,
      );
    });
  }
});

test("a rejoin to a primary whose url would lead the node to itself is refused, that of another is not", () => {
  const facts = changed(changed(healthy, "pg1", { astray: ["pg3"] }), "pg3", { following: { kind: "not-connected" } });
  const rejoin = (node: string) => {
    const stray = changed(facts, node, { following: { kind: "not-connected" } });
    return verdictOf(readied(planRejoin(fixtures.system(), stray, { ...choice, node }), stray), "planned");
  };
  assert.deepEqual(["pg2", "pg3"].map(rejoin), ["planned", "replication-address"]);
});

test("a url of this machine alone, where others are on another: the plan is refused, and says what to declare", () =>
  withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (lab) => {
    const tunnels = (text: string) =>
      text
        .replace(/^ +replication:.*\n/gm, "")
        .replace(/(\n {6}pg2:\n(?: {8}.*\n)*? {8}host: ).*/, '$1"ssh://nobody@127.0.0.1:1"');
    await withSystemFile(lab, tunnels, async (world) => {
      const refused = await world.plan("switchover", "ledger", { node: "pg3" });
      assert.ok(isRefusal(refused), "it would aim pg2 at itself");
      assert.equal(refused.rule, "replication-address");
      assert.match(refused.missing, /on pg3, 127\.0\.0\.1:\d+ .*: pg2 would connect to itself there/);
      assert.match(refused.provide, /Declare `replication:` for pg3/);
    });
  }));

function verdictOf(plan: ReturnType<typeof readied>, expected: string): string {
  if (isRefusal(plan)) return plan.rule;
  return plan.risk.statements.some((one) => one.includes(expected)) ? expected : "planned";
}

const newest = postgresVersions.find(({ title }) => title.includes("npm"));

test("a server that takes no ALTER SYSTEM: refused before the fence", { skip: newest?.skip ?? "none" }, () =>
  withWorld({ binaries: newest?.binaries ?? "", standbys: ["synchronous", "asynchronous"] }, async (world) => {
    for (const node of ["pg2", "pg3"])
      await on(world, node, async (connection) => {
        appendFileSync(`${world.lab.node(node).dataDirectory}/postgresql.conf`, "\nallow_alter_system = off\n");
        await connection.query("select pg_reload_conf()");
      });
    await signal(world, "pg1", "SIGKILL");
    const refused = await world.plan("failover", "ledger");
    assert.equal(isRefusal(refused) && refused.rule, "alter-system");
    assert.equal(existsSync(`${world.lab.node("pg1").dataDirectory}/standby.signal`), false);
  }),
);

test("as the server says it: the command line, a broken line, the default of sessions, a target of a restore", () =>
  withWorld({ standbys: ["asynchronous"] }, async (world) => {
    await on(world, "pg1", async (connection) => {
      await connection.query("alter system set default_transaction_read_only = on");
      await connection.query("alter system set recovery_target = 'immediate'");
      await connection.query("select pg_reload_conf()");
    });
    const plan = await world.plan("switchover", "ledger");
    assert.ok(!isRefusal(plan), "what a file says is cleared");
    assert.match(plan.risk.statements.join(), /recovery_target = immediate of pg1, left by a restore, is cleared/);
    const limits = await withConnection(world.lab.node("pg1").url, {}, limitsOf);
    assert.deepEqual(limits.endsRecovery, ["recovery_target = immediate"]);
    assert.equal(limits.readOnly, true);
    appendFileSync(
      `${world.lab.node("pg1").dataDirectory}/postgresql.auto.conf`,
      "no_such_setting = 1\nwork_mem = 'much'\n",
    );
    const broken = await withConnection(world.lab.node("pg1").url, {}, limitsOf);
    assert.match(broken.brokenLines.join(), /work_mem|no_such_setting/);
  }));

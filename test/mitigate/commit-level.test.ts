import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { type CommitSetting, commitSettingsQuery } from "../../src/mitigate/commit-level.ts";
import { lossVerdict } from "../../src/mitigate/loss.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { alive, dead, facts, remembered, system } from "./fixtures.ts";
import { on, signal, until } from "./servers.ts";
import { withWorld } from "./world.ts";

/* For what commits on the old primary waited. Unknown is never safe. */

const settings = (synchronousCommit: string) => ({ configured: { synchronousStandbyNames: "pg2", synchronousCommit } });
const { synchronousCommit: _, ...unseen } = remembered("pg1");
const setting = (level: string, role: string | null = null, database: string | null = null): CommitSetting => ({
  role,
  database,
  level,
});

type Case = readonly [
  name: string,
  old: Partial<NodeFacts>,
  own: readonly CommitSetting[] | undefined,
  kind: string,
  why?: RegExp,
];

const cases: readonly Case[] = [
  ["on", { remembered: remembered("pg1") }, [], "none"],
  ["remote_apply", { remembered: remembered("pg1", { synchronousCommit: "remote_apply" }) }, [], "none"],
  ["remote_write", { remembered: remembered("pg1", { synchronousCommit: "remote_write" }) }, [], "none"],
  ["local", { remembered: remembered("pg1", { synchronousCommit: "local" }) }, [], "possible", /= local/],
  ["off", { remembered: remembered("pg1", { synchronousCommit: "off" }) }, [], "possible", /= off/],
  ["off in its files by another word", { remembered: remembered("pg1"), ...settings("False") }, [], "possible"],
  [
    "on in its files, off when it was last seen",
    { remembered: remembered("pg1", { synchronousCommit: "off" }), ...settings("on") },
    [],
    "possible",
  ],
  ["not seen, by an older Blackstart, and no file can be read", { remembered: unseen }, [], "unknown", /not seen/],
  ["not seen, and on in its files", { remembered: unseen, ...settings("on") }, [], "none"],
  ["a word that we do not know", { remembered: remembered("pg1", { synchronousCommit: "quorum" }) }, [], "unknown"],
  [
    "a role without",
    { remembered: remembered("pg1") },
    [setting("off", "batch")],
    "possible",
    /^role batch has .* = off/,
  ],
  [
    "a role in a database without",
    { remembered: remembered("pg1") },
    [setting("local", "batch", "ledger")],
    "possible",
    /role batch in database ledger/,
  ],
  [
    "a database without",
    { remembered: remembered("pg1") },
    [setting("off", null, "ledger")],
    "possible",
    /^database ledger/,
  ],
  ["a role with more", { remembered: remembered("pg1") }, [setting("remote_apply", "batch")], "none"],
  ["what the roles have, no standby says", { remembered: remembered("pg1") }, undefined, "unknown", /no standby says/],
];

for (const [name, old, own, kind, why] of cases)
  test(`synchronous_commit ${name}: the loss is ${kind}`, () => {
    const standby = (node: string): NodeFacts => {
      const { commitSettings: _own, ...seen } = alive(node, "standby", { receiver: null });
      return { ...seen, ...(own === undefined ? {} : { commitSettings: own }) };
    };
    const primary = dead("pg1", old);
    const { ledger } = system().clusters;
    assert.ok(ledger);
    const verdict = lossVerdict(ledger, facts(primary, standby("pg2"), standby("pg3")), primary);
    assert.equal(verdict.kind, kind, verdict.why);
    if (why !== undefined) assert.match(verdict.why, why);
  });

test("a role that does not wait is read on the standbys: the failover is refused, and says which", async () => {
  await withWorld({}, async (world) => {
    await on(world, "pg1", async (connection) => {
      await connection.query("create role batch");
      await connection.query("alter role batch in database postgres set synchronous_commit = off");
      await connection.query("alter database postgres set work_mem = '8MB'");
    });
    const arrived = (node: string) =>
      on(world, node, (connection) => connection.query<CommitSetting>(commitSettingsQuery));
    await until("the standbys know", async () => (await arrived("pg2")).length + (await arrived("pg3")).length === 2);
    assert.deepEqual(await arrived("pg2"), [setting("off", "batch", "postgres")]);
    // Else nothing would be left to lose: its WAL is read, and ends where theirs does.
    const senders = await on(world, "pg1", (connection) =>
      connection.query<{ pid: number }>("select pid from pg_stat_replication"),
    );
    for (const { pid } of senders) process.kill(pid, "SIGSTOP");
    await on(world, "pg1", async (connection) => {
      await connection.query("set synchronous_commit = local");
      await connection.query("create table lost as select 1");
    });
    await signal(world, "pg1", "SIGKILL");
    const made = await world.plan("failover", "ledger");
    assert.ok(isRefusal(made), "planned");
    assert.equal(made.rule, "acknowledged-writes");
    assert.match(made.missing, /role batch in database postgres has synchronous_commit = off/);
  });
});

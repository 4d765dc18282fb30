import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { connect, withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { serverProcessesIn } from "../../../src/lab/processes.ts";
import { withLab } from "../../support/lab.ts";
import { noPostgres } from "../../support/postgres-versions.ts";

const short = { timeoutMs: 400, queryTimeoutMs: 400 };

describe("a fault", { skip: noPostgres }, () => {
  test("kill-primary ends every process of the primary; healed, it is back", () =>
    withLab({ standbys: ["asynchronous"] }, async (lab) => {
      await lab.break("kill-primary");
      assert.deepEqual(serverProcessesIn(lab.node("pg1").dataDirectory), []);
      await assert.rejects(answer(lab, "pg1"), { code: "UNREACHABLE" });
      assert.equal(await answer(lab, "pg2"), "standby");
      await lab.heal("kill-primary");
      assert.equal(await answer(lab, "pg1"), "primary");
    }));

  test("kill-postmaster takes the clients with it, and nothing else is left in the end", () =>
    withLab({ standbys: [] }, async (lab) => {
      const held = await connect(lab.node("pg1").url);
      const closed = new Promise((resolve) => held.onClosed(resolve));
      await lab.break("kill-postmaster");
      await closed;
      await until(async () => serverProcessesIn(lab.node("pg1").dataDirectory).length === 0);
      await lab.heal("kill-postmaster");
      assert.equal(await answer(lab, "pg1"), "primary");
    }));

  test("hang keeps connections open and lets nothing answer; healed, it goes on", () =>
    withLab({ standbys: [] }, async (lab) => {
      const held = await connect(lab.node("pg1").url);
      await lab.break("hang");
      const states = serverProcessesIn(lab.node("pg1").dataDirectory).map(({ state }) => state);
      assert.ok(states.length > 0 && states.every((state) => state === "T"), states.join());
      await assert.rejects(held.query("select 1", [], { timeoutMs: 200 }), { code: "UNREACHABLE" });
      await held.close();
      await lab.heal("hang");
      assert.equal(await answer(lab, "pg1"), "primary");
    }));

  test("kill-synchronous makes commits wait", () =>
    withLab({}, async (lab) => {
      await lab.break("kill-synchronous");
      assert.deepEqual(serverProcessesIn(lab.node("pg2").dataDirectory), []);
      const insert = withConnection(lab.node("pg1").url, short, (connection) => connection.query("create table t ()"));
      await assert.rejects(insert, { code: "UNREACHABLE" });
    }));

  test("kill-asynchronous is noticed by no client", () =>
    withLab({}, async (lab) => {
      await lab.break("kill-asynchronous");
      assert.deepEqual(serverProcessesIn(lab.node("pg3").dataDirectory), []);
      await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create table t ()"));
    }));

  test("two-primaries promotes the asynchronous standby and leaves the primary", () =>
    withLab({}, async (lab) => {
      await lab.break("two-primaries");
      assert.equal(await answer(lab, "pg3"), "primary");
      assert.equal(await answer(lab, "pg1"), "primary");
      assert.equal(await answer(lab, "pg2"), "standby");
      await assert.rejects(lab.heal("two-primaries"), { code: "NOT_POSSIBLE_NOW" });
    }));

  test("kill-all leaves no server; healed, all are back", () =>
    withLab({ standbys: ["asynchronous"] }, async (lab) => {
      await lab.break("kill-all");
      assert.deepEqual(serverProcessesIn(lab.directory), []);
      await lab.heal("kill-all");
      assert.deepEqual([await answer(lab, "pg1"), await answer(lab, "pg2")], ["primary", "standby"]);
    }));

  test("hits the node that is named, and follows the roles of the moment otherwise", () =>
    withLab({ standbys: ["asynchronous"] }, async (lab) => {
      await lab.break("kill-primary", "pg2");
      assert.deepEqual(serverProcessesIn(lab.node("pg2").dataDirectory), []);
      await lab.heal("kill-primary", "pg2");
      await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("select pg_promote()"));
      await lab.break("kill-primary", "pg1");
      await lab.break("kill-primary");
      assert.deepEqual(serverProcessesIn(lab.directory), []);
      await assert.rejects(lab.break("kill-primary"), { code: "NOT_POSSIBLE_NOW" });
    }));

  test("that does not exist, or a node that does not, is refused with the nearest name", () =>
    withLab({ standbys: [] }, async (lab) => {
      await assert.rejects(lab.break("kill-primry"), { code: "UNKNOWN_NAME", message: /Did you mean “kill-primary”/ });
      await assert.rejects(lab.break("hang", "pg9"), { code: "UNKNOWN_NAME" });
      await assert.rejects(lab.break("cut"), { code: "NOT_POSSIBLE_NOW" });
    }));
});

describe("a fault of the network", { skip: noPostgres }, () => {
  test("cut resets connections, also those of replication, and refuses new ones; healed, the standby streams again", () =>
    withLab({ proxied: true }, async (lab) => {
      const held = await connect(lab.node("pg1").url);
      const closed = new Promise((resolve) => held.onClosed(resolve));
      await lab.break("cut");
      await closed;
      await assert.rejects(answer(lab, "pg1"), { code: "UNREACHABLE", details: { errno: "ECONNREFUSED" } });
      assert.ok(serverProcessesIn(lab.node("pg1").dataDirectory).length > 0);
      await until(async () => !(await streams(lab, "pg2")));
      await lab.heal("cut");
      await until(() => streams(lab, "pg2"));
      await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create table t ()"));
    }));

  test("cut of a standby cuts what it asks of others as well", () =>
    withLab({ proxied: true }, async (lab) => {
      await lab.break("cut", "pg2");
      const insert = withConnection(lab.node("pg1").url, short, (connection) => connection.query("create table t ()"));
      await assert.rejects(insert, { code: "UNREACHABLE" });
      assert.ok(await streams(lab, "pg3"));
      await lab.heal("cut", "pg2");
      await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create table u ()"));
    }));

  test("black-hole keeps connections open and silent; healed, what was under way arrives", () =>
    withLab({ proxied: true, standbys: [] }, async (lab) => {
      const held = await connect(lab.node("pg1").url);
      await lab.break("black-hole");
      const query = held.query<{ one: number }>("select 1 as one", [], { timeoutMs: 20_000 });
      await assert.rejects(answer(lab, "pg1"), { code: "UNREACHABLE" });
      await lab.heal("black-hole");
      assert.deepEqual(await query, [{ one: 1 }]);
      await held.close();
      assert.equal(await answer(lab, "pg1"), "primary");
    }));

  test("a killed server is noticed through the proxy as it is without", () =>
    withLab({ proxied: true, standbys: [] }, async (lab) => {
      const held = await connect(lab.node("pg1").url);
      const closed = new Promise((resolve) => held.onClosed(resolve));
      await lab.break("kill-primary");
      await closed;
      await assert.rejects(answer(lab, "pg1"), { code: "UNREACHABLE" });
    }));
});

async function answer(lab: Lab, node: string): Promise<string | undefined> {
  return withConnection(lab.node(node).url, { timeoutMs: 1000, queryTimeoutMs: 1000 }, async (connection) => {
    const [row] = await connection.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
    return row?.standby ? "standby" : "primary";
  });
}

async function streams(lab: Lab, node: string): Promise<boolean> {
  return withConnection(lab.node(node).url, {}, async (connection) => {
    const rows = await connection.query("select 1 from pg_stat_wal_receiver where status = 'streaming'");
    return rows.length === 1;
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const held = await pollUntil(async () => ((await holds()) ? true : undefined), { everyMs: 10, timeoutMs: 15_000 });
  assert.ok(held, "the state was not reached within 15 s");
}

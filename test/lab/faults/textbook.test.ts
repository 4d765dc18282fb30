import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect, withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Lab, LabOptions } from "../../../src/lab/lab.ts";
import { serverProcessesIn } from "../../../src/lab/processes.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { sharedLab, until } from "./support.ts";

const short = { timeoutMs: 400, queryTimeoutMs: 400 };

describe("a fault", { skip: noPostgres }, () => {
  const using = sharing({ standbys: ["asynchronous"] });

  test(
    "kill-primary ends every process of the primary; healed, it is back",
    using(async (lab) => {
      await lab.break("kill-primary");
      assert.deepEqual(serverProcessesIn(lab.node("pg1").dataDirectory), []);
      await assert.rejects(answer(lab, "pg1"), { code: "UNREACHABLE" });
      assert.equal(await answer(lab, "pg2"), "standby");
      await lab.heal("kill-primary");
      assert.equal(await answer(lab, "pg1"), "primary");
    }),
  );

  test(
    "kill-postmaster takes the clients with it, and nothing else is left in the end",
    using(async (lab) => {
      const held = await connect(lab.node("pg1").url);
      const closed = new Promise((resolve) => held.onClosed(resolve));
      await lab.break("kill-postmaster");
      await closed;
      await until(async () => serverProcessesIn(lab.node("pg1").dataDirectory).length === 0);
      await lab.heal("kill-postmaster");
      assert.equal(await answer(lab, "pg1"), "primary");
    }),
  );

  test(
    "hang keeps connections open and lets nothing answer; healed, it goes on",
    using(async (lab) => {
      const held = await connect(lab.node("pg1").url);
      await lab.break("hang");
      const states = serverProcessesIn(lab.node("pg1").dataDirectory).map(({ state }) => state);
      assert.ok(states.length > 0 && states.every((state) => state === "T"), states.join());
      await assert.rejects(held.query("select 1", [], { timeoutMs: 200 }), { code: "UNREACHABLE" });
      await held.close();
      await lab.heal("hang");
      assert.equal(await answer(lab, "pg1"), "primary");
    }),
  );

  test(
    "that does not exist, or a node that does not, is refused with the nearest name",
    using(async (lab) => {
      await assert.rejects(lab.break("kill-primry"), { code: "UNKNOWN_NAME", message: /Did you mean “kill-primary”/ });
      await assert.rejects(lab.break("hang", "pg9"), { code: "UNKNOWN_NAME" });
      await assert.rejects(lab.break("cut"), { code: "NOT_POSSIBLE_NOW" });
    }),
  );

  test(
    "kill-all leaves no server; healed, all are back",
    using(async (lab) => {
      await lab.break("kill-all");
      assert.deepEqual(serverProcessesIn(lab.directory), []);
      await lab.heal("kill-all");
      assert.deepEqual([await answer(lab, "pg1"), await answer(lab, "pg2")], ["primary", "standby"]);
    }),
  );

  test(
    "hits the node that is named, and follows the roles of the moment otherwise",
    using(async (lab) => {
      await lab.break("kill-primary", "pg2");
      assert.deepEqual(serverProcessesIn(lab.node("pg2").dataDirectory), []);
      await lab.heal("kill-primary", "pg2");
      await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("select pg_promote()"));
      await lab.break("kill-primary", "pg1");
      await lab.break("kill-primary");
      assert.deepEqual(serverProcessesIn(lab.directory), []);
      await assert.rejects(lab.break("kill-primary"), { code: "NOT_POSSIBLE_NOW" });
    }),
  );
});

describe("a fault of a standby", { skip: noPostgres }, () => {
  const using = sharing({});

  test(
    "kill-synchronous makes commits wait",
    using(async (lab) => {
      await lab.break("kill-synchronous");
      assert.deepEqual(serverProcessesIn(lab.node("pg2").dataDirectory), []);
      const insert = withConnection(lab.node("pg1").url, short, (connection) =>
        connection.query("create table late ()"),
      );
      await assert.rejects(insert, { code: "UNREACHABLE" });
      await lab.heal("kill-synchronous");
      await until(() => streams(lab, "pg2"));
    }),
  );

  test(
    "kill-asynchronous is noticed by no client",
    using(async (lab) => {
      await lab.break("kill-asynchronous");
      assert.deepEqual(serverProcessesIn(lab.node("pg3").dataDirectory), []);
      await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create table t ()"));
      await lab.heal("kill-asynchronous");
      await until(() => streams(lab, "pg3"));
    }),
  );

  test(
    "two-primaries promotes the asynchronous standby and leaves the primary",
    using(async (lab) => {
      await lab.break("two-primaries");
      assert.equal(await answer(lab, "pg3"), "primary");
      assert.equal(await answer(lab, "pg1"), "primary");
      assert.equal(await answer(lab, "pg2"), "standby");
      await assert.rejects(lab.heal("two-primaries"), { code: "NOT_POSSIBLE_NOW" });
    }),
  );
});

describe("a fault of the network", { skip: noPostgres }, () => {
  const using = sharing({ proxied: true });

  test(
    "cut resets connections, also those of replication, and refuses new ones; healed, the standby streams again",
    using(async (lab) => {
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
    }),
  );

  test(
    "cut of a standby cuts what it asks of others as well",
    using(async (lab) => {
      await lab.break("cut", "pg2");
      const insert = withConnection(lab.node("pg1").url, short, (connection) =>
        connection.query("create table cut ()"),
      );
      await assert.rejects(insert, { code: "UNREACHABLE" });
      await until(() => streams(lab, "pg3"));
      await lab.heal("cut", "pg2");
      await withConnection(lab.node("pg1").url, {}, (connection) => connection.query("create table u ()"));
    }),
  );

  test(
    "black-hole keeps connections open and silent; healed, what was under way arrives",
    using(async (lab) => {
      const held = await connect(lab.node("pg1").url);
      await lab.break("black-hole");
      const query = held.query<{ one: number }>("select 1 as one", [], { timeoutMs: 20_000 });
      await assert.rejects(answer(lab, "pg1"), { code: "UNREACHABLE" });
      await lab.heal("black-hole");
      assert.deepEqual(await query, [{ one: 1 }]);
      await held.close();
      assert.equal(await answer(lab, "pg1"), "primary");
    }),
  );

  test(
    "a killed server is noticed through the proxy as it is without",
    using(async (lab) => {
      const held = await connect(lab.node("pg1").url);
      const closed = new Promise((resolve) => held.onClosed(resolve));
      await lab.break("kill-primary");
      await closed;
      await assert.rejects(answer(lab, "pg1"), { code: "UNREACHABLE" });
    }),
  );
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

/** The tests of a suite follow each other in one lab: each heals what it breaks, and the last need not. */
function sharing(options: LabOptions) {
  const shared = noPostgres === false ? sharedLab(options) : undefined;
  return (use: (lab: Lab) => Promise<void>) => () => use((shared as () => Lab)());
}

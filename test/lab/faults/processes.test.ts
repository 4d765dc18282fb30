import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect, withConnection } from "../../../src/drivers/postgres/connection.ts";
import { processRoles, roleOfTitle } from "../../../src/lab/faults/process-roles.ts";
import { labServer } from "../../../src/lab/faults/lab-server.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { type LabRecord, readRecord } from "../../../src/lab/record.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";
import { logOf, sharedLab, until } from "./support.ts";

test("a role is read from the title that PostgreSQL gives, whatever cluster, user and database are called", () => {
  const table: readonly [title: string, role: string | undefined][] = [
    ["postgres: checkpointer ", "checkpointer"],
    ["postgres: pg1: checkpointer", "checkpointer"],
    ["postgres: startup: background writer", "background-writer"],
    ["postgres: pg2: startup recovering 000000010000000000000003", "startup"],
    ["postgres: pg2: walreceiver streaming 0/3000148", "walreceiver"],
    ["postgres: pg1: walsender replicator 127.0.0.1(41234) streaming 0/3000148", "walsender"],
    ["postgres: pg1: archiver last was 000000010000000000000002", "archiver"],
    ["postgres: pg1: autovacuum worker postgres", "autovacuum-worker"],
    ["postgres: pg1: logical replication launcher", "logical-replication-launcher"],
    ["postgres: pg1: logical replication apply worker for subscription 16401", "logical-replication-worker"],
    ["postgres: pg1: io worker 0", "io-worker"],
    ["postgres: pg1: archiver books 127.0.0.1(41236) idle in transaction", "client-backend"],
    ["postgres: jane postgres [local] startup", "client-backend"],
    ["postgres: pg1: pg_cron launcher", "background-worker"],
    ["/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main", undefined],
    ["cp pg_wal/000000010000000000000001 /archive", undefined],
  ];
  for (const [title, role] of table) {
    assert.equal(roleOfTitle(title), role, title);
    if (role !== undefined) assert.ok(processRoles.includes(role), role);
  }
});

for (const { title, binaries, skip } of postgresVersions)
  describe(`a signal to one process, with ${title}`, { skip }, () => {
    const shared = skip === false ? sharedLab({ binaries }) : undefined;
    const using = (use: (lab: Lab) => Promise<void>) => () => use((shared as () => Lab)());

    test(
      "every process that runs has a role, and is found by it",
      using(async (lab) => {
        const held = await connect(lab.node("pg1").url);
        const roles = async (node: string) => (await processes(lab, node)).map(({ role }) => role);
        const primary = await roles("pg1");
        const expected = [
          "postmaster",
          "checkpointer",
          "background-writer",
          "walwriter",
          "walsender",
          "client-backend",
        ];
        for (const role of expected) assert.ok(primary.includes(role), `${role} is not among ${primary.join(", ")}`);
        assert.equal(primary.filter((role) => role === "postmaster").length, 1);
        const standby = await roles("pg2");
        for (const role of ["postmaster", "startup", "walreceiver"])
          assert.ok(standby.includes(role), `${role} is not among ${standby.join(", ")}`);
        await held.close();
      }),
    );

    test(
      "a terminated walreceiver comes back and no client of the standby notices",
      using(async (lab) => {
        const held = await connect(lab.node("pg2").url);
        const before = await processOf(lab, "pg2", "walreceiver");
        await lab.break("terminate", "pg2.walreceiver");
        await until(async () => {
          const now = await processOf(lab, "pg2", "walreceiver");
          return now !== undefined && now.pid !== before?.pid;
        });
        assert.deepEqual(await held.query("select 1 as one"), [{ one: 1 }]);
        assert.match(logOf(lab, "pg2"), /terminating walreceiver process due to administrator command/);
        await held.close();
      }),
    );

    test(
      "stopped walsenders hold up synchronous commits, and nothing else is stopped; healed, the commit arrives",
      using(async (lab) => {
        // What another test has cut may just be coming back.
        await until(async () => (await processes(lab, "pg1")).filter(({ role }) => role === "walsender").length === 2);
        await lab.break("stop", "primary.walsender");
        const stopped = (await processes(lab, "pg1")).filter(({ state }) => state === "T").map(({ role }) => role);
        assert.deepEqual(stopped, ["walsender", "walsender"]);
        const commit = withConnection(lab.node("pg1").url, { queryTimeoutMs: 20_000 }, (connection) =>
          connection.query("create table t ()"),
        );
        await until(async () => (await waiting(lab, "pg1")) === 1);
        await lab.heal("stop");
        await commit;
      }),
    );

    test(
      "kill of the clients' backends resets all, and the server recovers by itself",
      using(async (lab) => {
        const held = await connect(lab.node("pg1").url);
        const closed = new Promise((resolve) => held.onClosed(resolve));
        await lab.break("kill", "pg1.client-backend");
        await closed;
        await until(() => answers(lab, "pg1"));
      }),
    );

    test(
      "abort of the checkpointer cuts all clients, and the server recovers by itself",
      using(async (lab) => {
        const held = await connect(lab.node("pg1").url);
        const closed = new Promise((resolve) => held.onClosed(resolve));
        const before = await processOf(lab, "pg1", "postmaster");
        const { done } = await lab.break("abort", "primary.checkpointer");
        assert.match(done, /Sent SIGABRT to the checkpointer of pg1 \(\d+\)/);
        await closed;
        await until(() => answers(lab, "pg1"));
        assert.match(logOf(lab, "pg1"), /checkpointer.* \(PID \d+\) was terminated by signal 6: Aborted/);
        const after = await processOf(lab, "pg1", "postmaster");
        assert.deepEqual([after?.pid, after?.started], [before?.pid, before?.started]);
      }),
    );

    test(
      "abort of a standby's startup process ends the server; healed, it follows again",
      using(async (lab) => {
        await until(async () => (await processOf(lab, "pg3", "walreceiver")) !== undefined);
        await lab.break("abort", "async.startup");
        await until(async () => (await processes(lab, "pg3")).length === 0);
        assert.match(logOf(lab, "pg3"), /startup process \(PID \d+\) was terminated by signal 6/);
        await lab.heal("abort");
        await until(async () => (await processOf(lab, "pg3", "walreceiver")) !== undefined);
      }),
    );

    test(
      "a role that does not exist, or does not run now, is refused with those that do",
      using(async (lab) => {
        await assert.rejects(lab.break("kill", "primary.chekpointer"), {
          code: "UNKNOWN_NAME",
          message: /Did you mean “checkpointer”/,
          why: /pg1 runs: .*checkpointer.* There can be: .*walreceiver/,
        });
        await assert.rejects(lab.break("kill", "pg1.walreceiver"), {
          code: "NOT_POSSIBLE_NOW",
          why: /pg1 runs: .*walwriter/,
        });
        await assert.rejects(lab.break("kill"), { code: "USAGE", why: /pg1, pg2, pg3.*primary/ });
        await assert.rejects(lab.break("cut", "pg1.checkpointer"), { code: "USAGE" });
        await assert.rejects(lab.break("kill", "pg1.all", { force: "yes" }), { code: "USAGE", why: /no parameters/ });
        assert.ok(await answers(lab, "pg1"));
      }),
    );
  });

function processes(lab: Lab, node: string) {
  const record = readRecord(lab.directory) as LabRecord;
  return labServer(record, record.nodes.find(({ name }) => name === node) as LabRecord["nodes"][number]).processes();
}

async function processOf(lab: Lab, node: string, role: string) {
  return (await processes(lab, node)).find((process) => process.role === role);
}

async function answers(lab: Lab, node: string): Promise<boolean> {
  return withConnection(lab.node(node).url, { timeoutMs: 1000 }, (connection) => connection.query("select 1")).then(
    () => true,
    () => false,
  );
}

async function waiting(lab: Lab, node: string): Promise<number> {
  return withConnection(lab.node(node).url, {}, async (connection) => {
    const rows = await connection.query("select 1 from pg_stat_activity where wait_event = 'SyncRep'");
    return rows.length;
  });
}

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { promiseSet } from "../../src/timeline/promise-record.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { remember, type World, withWorld } from "./world.ts";

/* Standbys whose names are not those of the system file: what counts is the name under which each streams. */

describe("the names that commits wait for", { concurrency: 2 }, () => {
  for (const setting of [`FIRST 1 ("15/main")`, "*", "ANY 1 (*)", `any 1 (nobody, "15/Main")`])
    test(`standbys that stream as 15/main: ${setting} goes on after a switchover, and no write hangs`, async () => {
      await withWorld({ settings: { cluster_name: "15/main" } }, async (world) => {
        await unnamed(world, setting);
        const result = await world.act("switchover", "ledger", { node: "pg2" });
        assert.equal(result.outcome, "done", result.state);
        assert.equal(await onlyPrimary(world), "pg2");
        await writes(world, "pg2");
        const names = await synchronousNames(world, "pg2");
        assert.ok(setting.includes("*") ? names.includes("*") : names.toLowerCase().includes(`"15/main"`), names);
        assert.deepEqual(await streams(world, "pg2"), ["15/main", "15/main"]);
      });
    });

  test("a name of any characters is kept, quoted as PostgreSQL wants it", async () => {
    await withWorld({}, async (world) => {
      await renamed(world, "pg3", `odd "one", x/y`);
      await waitingFor(world, `FIRST 2 (pg2, "odd ""one"", x/y")`, 2);
      await remember(world);
      const result = await world.act("switchover", "ledger", { node: "pg2" });
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await synchronousNames(world, "pg2"), `FIRST 2 ("pg1", "odd ""one"", x/y")`);
      await writes(world, "pg2");
    });
  });

  test("a promise is kept member for member, and a cascade stays one that is not waited for", async () => {
    await withWorld({ standbys: ["synchronous", "asynchronous", "asynchronous"] }, async (world) => {
      await aimed(world, "pg4", "pg3");
      await waitingFor(world, `ANY 1 (PG2, "pg3")`, 2);
      await remember(world);
      const result = await world.act("switchover", "ledger", { node: "pg2" });
      assert.notEqual(result.outcome, "stopped", result.state);
      assert.equal(await synchronousNames(world, "pg2"), `ANY 1 ("pg1", "pg3")`);
      assert.deepEqual(await streams(world, "pg2"), ["pg1", "pg3"]);
      assert.deepEqual(await streams(world, "pg3"), ["pg4"]);
    });
  });

  test("a standby that was not waited for becomes the primary: the promise stays as it is", async () => {
    await withWorld({}, async (world) => {
      const result = await world.act("switchover", "ledger", { node: "pg3" });
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await synchronousNames(world, "pg3"), `FIRST 1 ("pg2")`);
    });
  });

  for (const [what, happens] of [
    ["killed", (world: World) => signal(world, "pg3", "SIGKILL")],
    ["halted", (world: World) => signal(world, "pg3", "SIGSTOP")],
  ] as const)
    test(`the remaining standby is ${what} after the plan was made: it is not waited for`, async () => {
      await withWorld({}, async (world) => {
        await signal(world, "pg1", "SIGKILL");
        const plan = await world.plan("failover", "ledger");
        assert.ok(!isRefusal(plan), "refused");
        await happens(world);
        await world.executor.store(plan, "person:test");
        await world.executor.run(plan.id, "person:test", "person");
        assert.equal(await onlyPrimary(world), "pg2");
        await writes(world, "pg2");
      });
    });

  test("the remaining standby cannot follow: what was set before the promotion is taken back", async () => {
    await withWorld({}, async (world) => {
      await rejectReplicationTo(world, "pg2");
      await signal(world, "pg1", "SIGKILL");
      const plan = await world.plan("failover", "ledger");
      assert.ok(!isRefusal(plan), "refused");
      await world.executor.store(plan, "person:test");
      const result = await world.executor.run(plan.id, "person:test", "person");
      const primary = await onlyPrimary(world);
      // The other one where it had received more.
      if (primary === "pg2") {
        assert.equal(result.outcome, "done-with-failures", result.state);
        assert.equal(await synchronousNames(world, "pg2"), "");
        // It could not fetch there what comes after a rewind: nothing was done to it, and a person reads what to put right.
        const failed = (await world.events(plan.id)).find(
          ({ kind, data }) => kind === "step.failed" && (data as { step?: string }).step === "rejoin-pg1",
        );
        assert.match(JSON.stringify(failed?.data), /pg_hba\.conf/);
      }
      await writes(world, primary);
    });
  });

  test("a promise that was given up is remembered, and raised again once its standby streams", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg2", "SIGKILL");
      assert.equal((await world.act("degrade-synchronous", "ledger")).outcome, "done");
      assert.equal(await synchronousNames(world, "pg1"), `FIRST 1 ("pg3")`);
      const early = await world.plan("restore-synchronous", "ledger");
      assert.equal(isRefusal(early) && early.rule, "standbys");
      await world.act("restart", "ledger/pg2");
      await until("pg2 streams", async () => (await streams(world, "pg1")).includes("pg2"));
      const result = await world.act("restore-synchronous", "ledger");
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await synchronousNames(world, "pg1"), `FIRST 1 ("pg2")`);
      await writes(world, "pg1");
      const again = await world.plan("restore-synchronous", "ledger");
      assert.equal(isRefusal(again) && again.rule, "already");
    });
  });

  test("a plan that was killed after it had set the promise looks again when it is resumed", async () => {
    await withWorld({}, async (world) => {
      await signal(world, "pg2", "SIGSTOP");
      const handler = mitigationHandlers(world).find(({ kind }) => kind === "postgres.set-synchronous");
      const parameters = {
        cluster: "ledger",
        node: "pg1",
        when: "as-meant",
        count: 1,
        method: "first",
        names: ["pg1"],
        members: [
          { node: "pg1", name: "pg1" },
          { node: "pg2", name: "pg2" },
        ],
        old: "pg2",
      };
      const record = { cluster: "ledger", node: "pg1", setting: "FIRST 1 (pg2)", meant: "FIRST 1 (pg2)", plan: "p" };
      await world.timeline.append("cluster/ledger", "any", [{ kind: promiseSet, by: "executor", data: record }]);
      const step = {
        planId: "p",
        stepId: "as-meant",
        run: {},
        parameters,
        signal: new AbortController().signal,
        assertHeld: async () => undefined,
        progress: () => undefined,
      };
      assert.equal((await handler?.check(step))?.state, "done");
      await assert.rejects(async () => handler?.verify(step, { setting: "FIRST 1 (pg2)" }), /Too few of the standbys/);
      assert.equal(await synchronousNames(world, "pg1"), "");
      await writes(world, "pg1");
    });
  });
});

async function synchronousNames(world: World, node: string): Promise<string> {
  const [row] = await on(world, node, (connection) =>
    connection.query<{ value: string }>("select current_setting('synchronous_standby_names') as value"),
  );
  return row?.value ?? "";
}

async function streams(world: World, node: string): Promise<readonly string[]> {
  const rows = await on(world, node, (connection) =>
    connection.query<{ name: string }>("select application_name as name from pg_stat_replication order by 1"),
  );
  return rows.map(({ name }) => name);
}

async function writes(world: World, node: string): Promise<void> {
  await on(world, node, (connection) => connection.query("select pg_logical_emit_message(true, 'test', 'x')"));
}

async function renamed(world: World, node: string, name: string): Promise<void> {
  const { port } = world.lab.node("pg1");
  const escaped = name.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  const conninfo = `host=127.0.0.1 port=${port} user=replicator application_name='${escaped}'`;
  await setting(world, node, "primary_conninfo", conninfo);
}

async function aimed(world: World, node: string, at: string): Promise<void> {
  const { port } = world.lab.node(at);
  await setting(
    world,
    node,
    "primary_conninfo",
    `host=127.0.0.1 port=${port} user=replicator application_name=${node}`,
  );
  await until(`${node} streams from ${at}`, async () => (await streams(world, at)).includes(node));
}

/** Sets it on the primary, and waits until so many count. */
async function waitingFor(world: World, names: string, count: number): Promise<void> {
  await setting(world, "pg1", "synchronous_standby_names", names);
  await until(`commits count on ${names}`, async () => {
    const rows = await on(world, "pg1", (connection) =>
      connection.query("select 1 from pg_stat_replication where sync_state in ('sync', 'quorum')"),
    );
    return rows.length === count;
  });
}

async function setting(world: World, node: string, name: string, value: string): Promise<void> {
  await on(world, node, async (connection) => {
    await connection.query(`alter system set ${name} = '${value.replaceAll("'", "''")}'`);
    await connection.query("select pg_reload_conf()");
  });
}

async function rejectReplicationTo(world: World, node: string): Promise<void> {
  const file = join(world.lab.node(node).dataDirectory, "pg_hba.conf");
  writeFileSync(file, `host replication all 0.0.0.0/0 reject\n${readFileSync(file, "utf8")}`);
  await on(world, node, (connection) => connection.query("select pg_reload_conf()"));
}

/** As Debian's tools leave it: nobody gives an application_name. */
async function unnamed(world: World, setting: string): Promise<void> {
  const { port } = world.lab.node("pg1");
  for (const node of ["pg2", "pg3"])
    await on(world, node, async (connection) => {
      await connection.query(`alter system set primary_conninfo = 'host=127.0.0.1 port=${port} user=replicator'`);
      await connection.query("select pg_reload_conf()");
    });
  await on(world, "pg1", async (connection) => {
    await connection.query(`alter system set synchronous_standby_names = '${setting}'`);
    await connection.query("select pg_reload_conf()");
  });
  await until("both stream as 15/main, one is waited for", async () => {
    const rows = await on(world, "pg1", (connection) =>
      connection.query<{ waited: boolean }>(
        `select sync_state in ('sync', 'quorum') as waited from pg_stat_replication
         where application_name = '15/main' and state = 'streaming'`,
      ),
    );
    return rows.length === 2 && rows.some(({ waited }) => waited);
  });
  await remember(world);
}

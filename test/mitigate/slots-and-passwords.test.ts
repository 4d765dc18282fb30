import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { findBinaries } from "../../src/lab/binaries.ts";
import { logFileOf } from "../../src/lab/server-start.ts";
import { assertWhole, on, onlyPrimary, signal, streaming, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* Clusters as pg_basebackup -R -C -S and password rules make them. */

test("standbys with slots follow and come back: their slots are made on whoever is the primary", async () => {
  await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (world) => {
    await useSlots(world, ["pg1", "pg2", "pg3"]);
    await signal(world, "pg1", "SIGKILL");
    const failover = await world.act("failover", "ledger", { acceptLoss: true });
    assert.equal(failover.outcome, "done", failover.state);
    const second = await assertWhole(world);
    assert.deepEqual(await slots(world, second), slotsOf(world, second));
    const outcomes = await outcomesOf(world, failover.planId);
    assert.equal(outcomes["rejoin-pg1"]?.slotMade, "pg1_slot");
    const switchover = await world.act("switchover", "ledger", { node: "pg1" });
    assert.equal(switchover.outcome, "done", switchover.state);
    assert.equal(await assertWhole(world), "pg1");
    assert.deepEqual(await slots(world, "pg1"), slotsOf(world, "pg1"));
  });
});

test("where the slot cannot be made, that is what is said, and nothing is copied", async () => {
  await withWorld({ standbys: ["asynchronous"], settings: { max_replication_slots: "1" } }, async (world) => {
    await on(world, "pg1", (one) => one.query("select pg_create_physical_replication_slot('taken')"));
    await useSlots(world, ["pg2"]);
    await signal(world, "pg2", "SIGKILL");
    await until("the primary has noticed", async () => (await streaming(world, "pg1")).length === 0);
    const refused = await world.act("rejoin", "ledger/pg2");
    assert.notEqual(refused.outcome, "done");
    assert.doesNotMatch(refused.state ?? "", /\.\./);
    const failure = (await world.events(refused.planId)).find((one) => one.kind === "step.failed");
    assert.match(JSON.stringify(failure?.data), /pg2_slot.*all replication slots are in use.*max_replication_slots/);
    const data = world.lab.node("pg2").dataDirectory;
    assert.deepEqual(
      readdirSync(dirname(data)).filter((name) => name.startsWith(`${basename(data)}.aside`)),
      [],
    );
    await on(world, "pg1", (one) => one.query("select pg_drop_replication_slot('taken')"));
    const back = await world.act("rejoin", "ledger/pg2");
    assert.equal(back.outcome, "done", back.state);
    assert.deepEqual(await slots(world, "pg1"), ["pg2_slot"]);
    await assertWhole(world);
  });
});

test("a password that only the environment holds reaches the rewind, or the clone where there is no pg_rewind", async () => {
  const { directory } = await findBinaries();
  const how = existsSync(join(directory, "pg_rewind")) ? "rewound" : "cloned";
  await withWorld({ standbys: ["asynchronous"] }, async (world) => {
    await askForPasswords(world, "it's\\a secret");
    process.env.PGPASSWORD = "it's\\a secret";
    try {
      await signal(world, "pg1", "SIGKILL");
      const result = await world.act("failover", "ledger", { acceptLoss: true });
      const failed = (await world.events(result.planId)).filter((one) => one.kind === "step.failed");
      assert.equal(result.outcome, "done", JSON.stringify(failed.map(({ data }) => data)));
      const outcome = (await outcomesOf(world, result.planId))["rejoin-pg1"];
      assert.equal(outcome?.how, how, JSON.stringify(outcome));
      assert.equal(await onlyPrimary(world), "pg2");
      assert.doesNotMatch(JSON.stringify(await world.events(result.planId)), /a secret/);
    } finally {
      delete process.env.PGPASSWORD;
    }
  });
});

test("a password in primary_conninfo never reaches a server's log, and the standby follows with it", async () => {
  const settings = { log_statement: "all", log_min_duration_statement: "0" };
  await withWorld({ standbys: ["asynchronous", "asynchronous"], settings }, async (world) => {
    const password = "H:unt\\ed 'pw'";
    await askForPasswords(world, password);
    const logOf = (name: string) => logFileOf(world.lab.node(name).dataDirectory);
    // PostgreSQL itself has written down how the test set it.
    const from = new Map(world.lab.nodes.map(({ name }) => [name, statSync(logOf(name)).size]));
    const written = (name: string) =>
      readFileSync(logOf(name))
        .subarray(from.get(name) ?? 0)
        .toString();
    process.env.PGPASSWORD = password;
    try {
      await signal(world, "pg1", "SIGKILL");
      const result = await world.act("failover", "ledger", { acceptLoss: true });
      const primary = String((await outcomesOf(world, result.planId)).elect?.node);
      const other = primary === "pg2" ? "pg3" : "pg2";
      await until("the other follows", async () => (await streaming(world, primary)).includes(other));
      assert.match(written(other), /parameter "primary_conninfo" changed to .*passfile/);
      for (const { name } of world.lab.nodes) assert.doesNotMatch(written(name), /H:unt|unt.{0,3}ed '/, name);
      const file = `${world.lab.node(other).dataDirectory}.blackstart-pgpass`;
      assert.equal(statSync(file).mode & 0o777, 0o600);
    } finally {
      delete process.env.PGPASSWORD;
    }
  });
});

/** Names a slot of its own on each of these; nobody makes it. */
async function useSlots(world: World, nodes: readonly string[]): Promise<void> {
  for (const node of nodes)
    await on(world, node, async (one) => {
      await one.query(`alter system set primary_slot_name = '${node}_slot'`);
      await one.query("select pg_reload_conf()");
    });
}

function slotsOf(world: World, primary: string): readonly string[] {
  return world.lab.nodes.map(({ name }) => name).flatMap((name) => (name === primary ? [] : `${name}_slot`));
}

async function slots(world: World, node: string): Promise<readonly string[]> {
  const rows = await on(world, node, (one) =>
    one.query<{ slot: string }>("select slot_name as slot from pg_replication_slots where active order by 1"),
  );
  return rows.map(({ slot }) => slot);
}

async function outcomesOf(world: World, planId: string): Promise<Record<string, Record<string, unknown>>> {
  const done = (await world.events(planId)).filter((one) => one.kind === "step.done");
  return Object.fromEntries(
    done.map((one) => {
      const { step, outcome } = one.data as { step: string; outcome: Record<string, unknown> };
      return [step, outcome];
    }),
  );
}

/** Of everybody; the standby's conninfo holds its own, as pg_basebackup -R writes it. */
async function askForPasswords(world: World, password: string): Promise<void> {
  const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
  await on(world, "pg1", async (one) => {
    for (const role of ["blackstart", "replicator"])
      await one.query(`alter role ${role} password ${literal(password)}`);
  });
  const secret = "select 1 from pg_authid where rolname = 'replicator' and rolpassword like 'SCRAM%'";
  const standbys = world.lab.nodes.map(({ name }) => name).filter((name) => name !== "pg1");
  const inConninfo = password.replace(/[\\']/g, "\\$&");
  for (const name of standbys) {
    await until("the standby has the passwords", () =>
      on(world, name, async (one) => (await one.query(secret)).length > 0),
    );
    const conninfo = `host=127.0.0.1 port=${world.lab.node("pg1").port} user=replicator application_name=${name} password='${inConninfo}'`;
    await on(world, name, (one) => one.query(`alter system set primary_conninfo = ${literal(conninfo)}`));
  }
  for (const { name, dataDirectory } of world.lab.nodes) {
    const rules = "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n";
    await on(world, name, async (one) => {
      writeFileSync(join(dataDirectory, "pg_hba.conf"), rules);
      await one.query("select pg_reload_conf()");
    });
  }
  await until("it streams with it", async () => {
    process.env.PGPASSWORD = password;
    const seen = await streaming(world, "pg1");
    return standbys.every((name) => seen.includes(name));
  });
}

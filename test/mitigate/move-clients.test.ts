import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { MitigationContext } from "../../src/mitigate/context.ts";
import { planMoveClients } from "../../src/mitigate/planners/move-clients.ts";
import { moveClientsHandler } from "../../src/mitigate/steps/move-clients.ts";
import type { StepContext } from "../../src/plan/handler.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { listPlans } from "../../src/plan/status.ts";
import { startUp } from "../../src/server/up.ts";
import type { System } from "../../src/system/schema.ts";
import { listIncidents } from "../../src/timeline/incident-state.ts";
import { alive, facts, noChoice, system } from "./fixtures.ts";
import { on, onlyPrimary, signal, until } from "./servers.ts";
import { type World, withSystemFile, withWorld } from "./world.ts";

/* Clients that cannot be moved. A folder in the place of their address file keeps root from writing it as well. */

test("an address file that cannot be written: the database is back, and the person is told what to write where", async () => {
  await withWorld({}, async (world) => {
    const { addressFile } = world.lab;
    rmSync(addressFile);
    mkdirSync(addressFile);
    writeFileSync(`${addressFile}/taken`, "");
    await signal(world, "pg1", "SIGKILL");
    const plan = await world.plan("failover", "ledger");
    assert.ok(!isRefusal(plan), "the file kept the database down");
    await world.executor.store(plan, "person:test");
    const result = await world.executor.run(plan.id, "person:test", "person");
    assert.equal(result.outcome, "stopped");
    const primary = await onlyPrimary(world);
    assert.match(result.state ?? "", new RegExp(`${primary} is the primary and takes writes, but the address file`));
    const address = `127.0.0.1:${world.lab.node(primary).port}`;
    assert.match(result.next ?? "", new RegExp(`Write ${address} into ${addressFile}`));
    // As it says: by hand, and then the last primary is brought back.
    rmSync(addressFile, { recursive: true });
    writeFileSync(addressFile, `${address}\n`);
    const back = await world.act("rejoin", "ledger/pg1");
    assert.equal(back.outcome, "done", back.state);
  });
});

test("clients that a person has to move: it is not told as done, and only the primary itself is proven", async () => {
  await withWorld({}, async (world) => {
    const byAddress = (text: string) => text.replace(/clients: .*$/m, "clients: { vip: 10.9.9.9 }");
    await withSystemFile(world, byAddress, async (declared) => {
      await signal(world, "pg1", "SIGKILL");
      const result = await declared.act("failover", "ledger");
      assert.equal(result.outcome, "done-with-failures", result.state);
      const { port } = world.lab.node(await onlyPrimary(world));
      const events = await world.events(result.planId);
      const failed = events.filter(({ kind }) => kind === "step.failed").map(({ data }) => data as { message: string });
      assert.deepEqual(
        failed.map(({ message }) => message),
        [`Not done by Blackstart: point the virtual address 10.9.9.9 to 127.0.0.1:${port} yourself.`],
      );
      const paths = events.map(({ data }) => (data as { outcome?: { path?: string } }).outcome?.path);
      assert.ok(paths.includes("straight to the primary"));
    });
  });
});

test("an IPv6 address is written as the clients read it, and found there again", async () => {
  const directory = mkdtempSync(join(tmpdir(), "blackstart-address-"));
  const file = join(directory, "address");
  try {
    const nodes = { pg1: { url: "postgres://u@[FD00:0::1]:5433/d" } };
    const declared = system({ nodes, clients: { file } });
    const step = { parameters: { cluster: "ledger", primary: "pg1" }, assertHeld: async () => undefined };
    const handler = moveClientsHandler({ system: declared } as MitigationContext);
    const { address } = (await handler.do(step as unknown as StepContext)) as { address: string };
    assert.equal(readFileSync(file, "utf8"), "[fd00::1]:5433\n");
    const pg1 = { ...alive("pg1", "primary"), address };
    const again = (clientsAddress: string) => planMoveClients(declared, { ...facts(pg1), clientsAddress }, noChoice);
    for (const clientsAddress of [address, "fd00::1:5433", "[FD00::1]:5433"]) {
      const made = again(clientsAddress);
      assert.equal(isRefusal(made) && made.rule, "already");
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a primary that somebody promoted by hand: the clients are pointed to it, once, and a write of theirs proves it", async () => {
  await withWorld({ standbys: ["asynchronous"] }, async (world) => {
    await signal(world, "pg1", "SIGKILL");
    const none = await world.plan("move-clients", "ledger");
    assert.equal(isRefusal(none) && none.rule, "one-primary");
    await on(world, "pg2", (connection) => connection.query("select pg_promote()"));
    const result = await world.act("move-clients", "ledger");
    assert.equal(result.outcome, "done", result.state);
    assert.equal(readFileSync(world.lab.addressFile, "utf8"), `127.0.0.1:${world.lab.node("pg2").port}\n`);
    const again = await world.plan("move-clients", "ledger");
    assert.equal(isRefusal(again) && again.rule, "already");
  });
});

/** The new primary takes a write of ours, and the clients' sessions may only read there. */
test("the proving write is one that the clients' role can make", async () => {
  await withWorld({ standbys: ["asynchronous"] }, async (world) => {
    await on(world, "pg1", async (connection) => {
      await connection.query("create role app login");
    });
    const asClients = (text: string) =>
      text.replace(/clients: \{/, `clients: { url: "postgres://app@nowhere.invalid/postgres",`);
    await withSystemFile(world, asClients, async (declared) => {
      const plan = await declared.plan("switchover", "ledger");
      assert.ok(!isRefusal(plan));
      // Set before, it would be refused.
      await on(world, "pg1", (connection) => connection.query("alter role app set default_transaction_read_only = on"));
      const refused = await declared.plan("switchover", "ledger");
      assert.equal(isRefusal(refused) && refused.rule, "read-only");
      await declared.executor.store(plan, "person:test");
      const result = await declared.executor.run(plan.id, "person:test", "person");
      assert.equal(result.outcome, "stopped");
      assert.match(result.state ?? "", /pg2 does not acknowledge a write/);
      const failed = (await declared.events(result.planId)).findLast(({ kind }) => kind === "step.failed");
      assert.match(JSON.stringify(failed?.data), /lets app read only/);
    });
  });
});

/** What the plan could not do is what keeps the incident from being called over. */
test("an incident is not mitigated while the clients are led elsewhere", { timeout: 120_000 }, async () => {
  await withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const { addressFile } = world.lab;
    const system: System = { ...world.system, mitigation: { ...world.system.mitigation, failover: "auto" } };
    const up = await startUp({ system, timeline: world.timeline, home: world.lab.directory, port: 0, firstRoundMs: 0 });
    try {
      const before = readFileSync(addressFile, "utf8");
      rmSync(addressFile);
      mkdirSync(addressFile);
      writeFileSync(`${addressFile}/taken`, "");
      const incident = async () => (await listIncidents(world.timeline))[0];
      await until(
        "it is noticed that the file cannot be read",
        async () => (await incident())?.open.some(({ code }) => code === "clients.no-address") === true,
      );
      await signal(world, "pg1", "SIGKILL");
      await until("pg2 takes writes", async () => (await onlyPrimaryOrNone(world)) === "pg2");
      await until("the plan stopped", async () =>
        (await listPlans(world.timeline)).some(({ state }) => state === "stopped"),
      );
      assert.equal((await incident())?.status, "open");
      rmSync(addressFile, { recursive: true });
      writeFileSync(addressFile, before);
      await until("the clients are led to pg2", async () =>
        readFileSync(addressFile, "utf8").includes(String(world.lab.node("pg2").port)),
      );
      await until("it is mitigated", async () => (await incident())?.status === "mitigated");
    } finally {
      await up.close();
    }
  });
});

async function onlyPrimaryOrNone(world: World): Promise<string | undefined> {
  return onlyPrimary(world).catch(() => undefined);
}

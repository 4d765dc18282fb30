import assert from "node:assert/strict";
import { chownSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type LeftBehind, slotIsWanted } from "../../src/mitigate/left-behind.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* What outages leave behind is removed only where nobody comes for it, or where a person names it. */

const slot = { name: "s", kind: "physical", active: false, retainedBytes: 1 } as const;
const server = (role: "primary" | "standby", slotName = "", follows = ":5432") => ({
  role,
  slots: [slot],
  slotName,
  follows,
});
const node = (name: string, of?: LeftBehind["server"]): LeftBehind => ({
  node: name,
  addresses: [`${name}:5432`],
  ...(of === undefined ? { problem: "no answer" } : { server: of }),
});
const wanted = (nodes: readonly LeftBehind[], of: Partial<typeof slot> | object = {}) =>
  slotIsWanted(nodes, nodes[0] as LeftBehind, { ...slot, ...of });

for (const [name, nodes, of, expected] of [
  ["nobody names it", [node("a", server("primary")), node("b", server("standby", "other"))], {}, undefined],
  ["it is in use", [node("a", server("primary"))], { active: true }, /in use/],
  ["it is logical", [node("a", server("primary"))], { kind: "logical" }, /only you know/],
  ["a standby names it", [node("a", server("primary")), node("b", server("standby", "s"))], {}, /b reads it/],
  ["a node does not answer", [node("a", server("primary")), node("b")], {}, /b may read it, and cannot be asked/],
  [
    "on a standby, for one that follows the primary",
    [node("a", server("standby")), node("b", server("standby", "s", "c:5432"))],
    {},
    undefined,
  ],
  [
    "on the primary, for one that cascades from a standby",
    [
      node("a", server("primary")),
      node("b", server("standby", "s", "c:5432")),
      node("c", server("standby", "", "a:5432")),
    ],
    {},
    undefined,
  ],
  [
    "on the primary, for one that is aimed at nowhere",
    [node("a", server("primary")), node("b", server("standby", "s", "127.0.0.1:1"))],
    {},
    /b reads it/,
  ],
  [
    "on a standby, for the primary",
    [node("a", server("standby")), node("b", server("primary", "s", "a:5432"))],
    {},
    undefined,
  ],
  [
    "on a standby, for one that cascades from it",
    [node("a", server("standby")), node("b", server("standby", "s", "a:5432"))],
    {},
    /b reads it/,
  ],
] as const)
  test(`a slot is left behind or not: ${name}`, () => {
    const why = wanted(nodes, of);
    if (expected === undefined) assert.equal(why, undefined);
    else assert.match(why ?? "", expected);
  });

test("slots on a demoted primary and named copies are removed, everything else stays", async () => {
  await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (world) => {
    for (const name of ["pg2", "pg3"]) {
      await on(world, "pg1", (one) => one.query(`select pg_create_physical_replication_slot('${name}_slot', true)`));
      await on(world, name, async (one) => {
        await one.query(`alter system set primary_slot_name = '${name}_slot'`);
        await one.query("select pg_reload_conf()");
      });
    }
    await until("both use their slots", async () => (await slotsOf(world, "pg1", true)).length === 2);
    const nothing = await world.plan("clean-up", "ledger");
    assert.ok(isRefusal(nothing), JSON.stringify(nothing));
    assert.equal(nothing.rule, "already");

    const switched = await world.act("switchover", "ledger", { node: "pg2" });
    assert.equal(switched.outcome, "done", switched.state);
    await until("the slots of pg1 are unused", async () => (await slotsOf(world, "pg1", false)).length === 2);
    const data = world.lab.node("pg1").dataDirectory;
    const copies = [`${data}.kept-one`, `${data}.kept-two`, `${data}.aside-link`];
    mkdirSync(copies[0] ?? "");
    mkdirSync(copies[1] ?? "");
    symlinkSync(data, copies[2] ?? "");
    const { uid, gid } = statSync(data);
    for (const copy of copies.slice(0, 2)) {
      writeFileSync(`${copy}/PG_VERSION`, "18\n");
      chownSync(copy, uid, gid);
    }

    const other = await world.plan("clean-up", "ledger", { copies: [data] });
    assert.ok(isRefusal(other) && other.rule === "listed", JSON.stringify(other));
    const plan = await world.plan("clean-up", "ledger", { copies: [copies[0] ?? ""] });
    assert.ok(!isRefusal(plan), JSON.stringify(plan));
    assert.deepEqual(plan.steps.map(({ id }) => id).sort(), ["drop-pg1-pg2_slot", "drop-pg1-pg3_slot", "remove-1"]);
    assert.match(plan.risk.statements.join("\n"), /Stays: .*kept-two.*--copy/);

    // Between planning and doing somebody comes for one of them, and a server starts in the copy.
    await on(world, "pg3", async (one) => {
      await one.query(`alter system set primary_conninfo = '${await conninfoTo(world, "pg3", "pg1")}'`);
      await one.query("select pg_reload_conf()");
    });
    await until("pg3 streams from pg1", async () => (await slotsOf(world, "pg1", true)).includes("pg3_slot"));
    writeFileSync(`${copies[0]}/postmaster.pid`, `${process.pid}\n`);
    await world.executor.store(plan, "person:test");
    const result = await world.executor.run(plan.id, "person:test", "flag");
    assert.equal(result.outcome, "done-with-failures", result.state);
    assert.deepEqual(await slotsOf(world, "pg1"), ["pg3_slot"]);
    assert.ok(existsSync(`${copies[0]}/PG_VERSION`), "a server may run in it");

    writeFileSync(`${copies[0]}/postmaster.pid`, "");
    const again = await world.act("clean-up", "ledger/pg1", { copies: [copies[0] ?? ""] });
    assert.equal(again.outcome, "done", again.state);
    assert.deepEqual(
      copies.map((copy) => existsSync(copy)),
      [false, true, true],
    );
    assert.ok(existsSync(`${data}/PG_VERSION`));
  });
});

test("the memory of a killed server is freed; a clone that was interrupted is removed where it is named", async () => {
  await withWorld({ standbys: ["asynchronous"] }, async (world) => {
    const instance = await world.fleet.instance("ledger", "pg2");
    assert.ok(instance);
    await signal(world, "pg2", "SIGKILL");
    await until("pg2 is down", async () => (await instance.inspect()).state === "down");
    const segments = async () => (await instance.leftMemory()).filter(({ kind }) => kind === "segment");
    const [segment, ...more] = await segments();
    assert.ok(segment !== undefined && more.length === 0);
    const cloning = `${instance.dataDirectory}.cloning`;
    mkdirSync(cloning);

    const plan = await world.plan("clean-up", "ledger/pg2");
    assert.ok(!isRefusal(plan), JSON.stringify(plan));
    assert.deepEqual(
      plan.steps.map(({ id }) => id),
      [`free-pg2-${segment.name}`],
    );
    assert.match(plan.risk.statements.join("\n"), /Stays: .*data\.cloning .*--copy/);
    // What is whole is only to be put in its place.
    writeFileSync(`${instance.dataDirectory}.cloned`, "");
    const whole = await world.plan("clean-up", "ledger/pg2", { copies: [cloning] });
    assert.ok(isRefusal(whole) && whole.rule === "listed", JSON.stringify(whole));
    rmSync(`${instance.dataDirectory}.cloned`);

    const result = await world.act("clean-up", "ledger/pg2", { copies: [cloning] });
    assert.equal(result.outcome, "done", result.state);
    assert.deepEqual([await segments(), existsSync(cloning)], [[], false]);
  });
});

async function slotsOf(world: World, name: string, active?: boolean): Promise<readonly string[]> {
  const rows = await on(world, name, (one) =>
    one.query<{ name: string; active: boolean }>(
      "select slot_name as name, active from pg_replication_slots order by 1",
    ),
  );
  return rows.filter((row) => active === undefined || row.active === active).map((row) => row.name);
}

async function conninfoTo(world: World, from: string, to: string): Promise<string> {
  const [row] = await on(world, from, (one) =>
    one.query<{ value: string }>("select current_setting('primary_conninfo') as value"),
  );
  return (row?.value ?? "").replace(/port='?\d+'?/, `port=${world.lab.node(to).port}`).replaceAll("'", "''");
}

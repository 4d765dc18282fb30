import assert from "node:assert/strict";
import { chownSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type LeftBehind, readsOf, slotIsWanted } from "../../src/mitigate/left-behind.ts";
import { planCleanUp } from "../../src/mitigate/planners/clean-up.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { system } from "./fixtures.ts";
import { on, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* What outages leave behind is removed only where nobody comes for it, or where a person names it. */

const slot = { name: "s", kind: "physical", active: false, retainedBytes: 1 } as const;
/** @param from the nodes to which its primary_conninfo leads; `?`: that cannot be told */
const server = (role: "primary" | "standby", slotName = "", from = "") => ({
  role,
  slots: [slot],
  slotName,
  reads: { from: from === "" || from === "?" ? [] : from.split(","), isKnown: from !== "?" },
});
const node = (name: string, of?: LeftBehind["server"]): LeftBehind => ({
  node: name,
  addresses: [`${name}:5432`],
  ...(of === undefined ? { problem: "no answer" } : { server: of }),
});
const wanted = (nodes: readonly LeftBehind[], of: Partial<typeof slot> | object = {}) =>
  slotIsWanted(nodes, nodes[0] as LeftBehind, { ...slot, ...of });

for (const [name, nodes, of, expected] of [
  [
    "no node names it",
    [node("a", server("primary")), node("b", server("standby", "other"))],
    {},
    /no node names it, so it may be that of an archive/,
  ],
  ["it is in use", [node("a", server("primary"))], { active: true }, /in use/],
  ["it is logical", [node("a", server("primary"))], { kind: "logical" }, /only you know/],
  ["a standby names it", [node("a", server("primary")), node("b", server("standby", "s"))], {}, /b reads it/],
  ["a node does not answer", [node("a", server("primary")), node("b")], {}, /b may read it, and cannot be asked/],
  [
    "on a standby, for one that follows the primary",
    [node("a", server("standby")), node("b", server("standby", "s", "c"))],
    {},
    undefined,
  ],
  [
    "on the primary, for one that cascades from a standby",
    [node("a", server("primary")), node("b", server("standby", "s", "c")), node("c", server("standby", "", "a"))],
    {},
    undefined,
  ],
  [
    "on the primary, for one that is aimed at nowhere",
    [node("a", server("primary")), node("b", server("standby", "s"))],
    {},
    /b reads it/,
  ],
  [
    "on a standby, for the primary",
    [node("a", server("standby")), node("b", server("primary", "s", "a"))],
    {},
    undefined,
  ],
  [
    "on a standby, for one that cascades from it",
    [node("a", server("standby")), node("b", server("standby", "s", "a"))],
    {},
    /b reads it/,
  ],
  [
    "on a standby, for one that may cascade from it, or from another",
    [node("a", server("standby")), node("b", server("standby", "s", "c,a"))],
    {},
    /b reads it/,
  ],
  [
    "on a standby, for one of which cannot be told from whom it streams",
    [node("a", server("standby")), node("b", server("standby", "s", "?"))],
    {},
    /b may read it: whose address its primary_conninfo has cannot be told/,
  ],
] as const)
  test(`a slot is left behind or not: ${name}`, () => {
    const why = wanted(nodes, of);
    if (expected === undefined) assert.equal(why, undefined);
    else assert.match(why ?? "", expected);
  });

const places = ["a", "b", "c"].map((name, at) => ({ node: name, addresses: [`10.0.0.${at + 1}:5432`] }));

for (const [conninfo, from, isKnown] of [
  ["host=10.0.0.1", ["a"], true],
  ["host=a.internal", ["a"], true],
  ["host=a.internal,10.0.0.3", ["a", "c"], true],
  ["host=10.0.0.2", [], true],
  ["host='127.0.0.1' port='1'", [], true],
  ["", [], true],
  ["service=ledger", [], false],
  ["host=nobody-knows", [], false],
  ["host=10.0.0.1,nobody-knows", ["a"], false],
] as const)
  test(`a standby with primary_conninfo '${conninfo}' reads from ${from.join(" or ") || "no node"}${isKnown ? "" : ", or from another"}`, () =>
    assert.deepEqual(readsOf(places, "b", conninfo, { "a.internal": ["10.0.0.1"] }), { from, isKnown }));

test("a slot that no node names is dropped where a person names it, and no other slot is", () => {
  const nodes = [node("a", server("primary")), node("b", server("standby", "", "a"))];
  const plan = (slots: readonly string[], all: readonly LeftBehind[] = nodes) =>
    planCleanUp(system(), "ledger", all, { copies: [], slots });
  const unnamed = plan([]);
  assert.ok(isRefusal(unnamed));
  assert.match(unnamed.provide, /Stays: the slot s on a; no node names it.* To drop it: --slot s\./);
  const named = plan(["s"]);
  assert.ok(!isRefusal(named));
  assert.deepEqual(
    named.steps.map(({ parameters }) => [parameters.node, parameters.slot, parameters.named]),
    [
      ["a", "s", true],
      ["b", "s", true],
    ],
  );
  const unknown = plan(["t"]);
  assert.equal(isRefusal(unknown) && unknown.rule, "listed");
  const read = plan(["s"], [node("a", server("primary")), node("b", server("standby", "s", "a"))]);
  assert.equal(isRefusal(read) && read.rule, "wanted");
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
    await on(world, "pg1", (one) => one.query("select pg_create_physical_replication_slot('archive', true)"));
    await until("both use their slots", async () => (await slotsOf(world, "pg1", true)).length === 2);
    const nothing = await world.plan("clean-up", "ledger");
    assert.ok(isRefusal(nothing), JSON.stringify(nothing));
    assert.equal(nothing.rule, "already");

    const switched = await world.act("switchover", "ledger", { node: "pg2" });
    assert.equal(switched.outcome, "done", switched.state);
    await until("the slots of pg1 are unused", async () => (await slotsOf(world, "pg1", false)).length === 3);
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
    assert.deepEqual(await slotsOf(world, "pg1"), ["archive", "pg3_slot"]);
    assert.ok(existsSync(`${copies[0]}/PG_VERSION`), "a server may run in it");

    writeFileSync(`${copies[0]}/postmaster.pid`, "");
    const again = await world.act("clean-up", "ledger/pg1", { copies: [copies[0] ?? ""], slots: ["archive"] });
    assert.equal(again.outcome, "done", again.state);
    assert.deepEqual(await slotsOf(world, "pg1"), ["pg3_slot"]);
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

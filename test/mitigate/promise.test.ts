import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSynchronousNames, parseSynchronousNames } from "../../src/drivers/postgres/synchronous-names.ts";
import { type Member, type Promised, promiseNow, promisedAfter, promiseUnder } from "../../src/mitigate/promise.ts";
import { planDegradeSynchronous } from "../../src/mitigate/planners/degrade-synchronous.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import type { NodeFacts } from "../../src/mitigate/cluster-facts.ts";
import { alive, dead, facts, noChoice, remembered, system } from "./fixtures.ts";

const members = (...all: readonly string[]): readonly Member[] =>
  all.map((one) => {
    const [node = "", name = node, spared] = one.split(":");
    return { node, name: name === "" ? null : name, ...(spared === undefined ? {} : { spared: true }) };
  });

function promised(setting: string, all: readonly Member[], count?: number): Promised {
  const names = parseSynchronousNames(setting);
  const { method = "first", names: listed = [] } = names ?? {};
  return { count: count ?? names?.count ?? 0, method, names: listed, members: all, old: "a" };
}

const abc = members("a", "b", "c");

/* `a` made the promise. What it is once another is the primary. */
const under: readonly (readonly [string, Promised, primary: string, after: string])[] = [
  ["the old primary takes the place of the new one", promised("FIRST 1 (b)", abc), "b", 'FIRST 1 ("a")'],
  ["in the same place of the list", promised("FIRST 2 (b, c)", abc), "c", 'FIRST 2 ("b", "a")'],
  ["ANY stays ANY", promised("ANY 1 (b, c)", abc), "b", 'ANY 1 ("a", "c")'],
  [
    "who was no member does not become one",
    promised("ANY 1 (b, c)", members("a", "b", "c", "d")),
    "b",
    'ANY 1 ("a", "c")',
  ],
  ["the new primary was no member", promised("FIRST 1 (b)", abc), "c", 'FIRST 1 ("b")'],
  ["the same list for every primary", promised("FIRST 1 (a, b, c)", abc), "b", 'FIRST 1 ("a", "b", "c")'],
  ["* stays *", promised("*", abc), "b", "*"],
  ["ANY 2 (*)", promised("ANY 2 (*)", abc), "b", "ANY 2 (*)"],
  ["a shared name", promised("15/main", members("a:15/main", "b:15/main", "c:15/main")), "b", 'FIRST 1 ("15/main")'],
  ["a shared name, the old one bears another", promised("m", members("a:x", "b:m", "c:m")), "b", 'FIRST 1 ("m", "x")'],
  ["names without regard to case", promised("FIRST 1 (B)", abc), "b", 'FIRST 1 ("a")'],
  ["a name that no node bears is kept", promised("ANY 1 (b, barman)", abc), "b", 'ANY 1 ("a", "barman")'],
  ["only a number: whoever is there", promised("", abc, 1), "b", 'FIRST 1 ("a", "c")'],
  ["only a number, and one is spared", promised("", members("a", "b", "c", "d:d:-"), 1), "b", 'FIRST 1 ("a", "c")'],
  ["the file asks for more than the list has", promised("FIRST 1 (b)", abc, 2), "b", 'FIRST 2 ("a", "c")'],
  ["nobody is waited for", promised("", abc), "b", ""],
];

for (const [what, made, primary, after] of under)
  test(`the promise: ${what}`, () => assert.equal(formatSynchronousNames(promiseUnder(made, primary)), after));

/* What of it can be kept by those that are there. */
const now: readonly (readonly [string, Promised, present: readonly Member[], after: string])[] = [
  ["the members that are there", promised("ANY 1 (b, c)", abc), members("c"), 'ANY 1 ("c")'],
  ["no member is there: another stands in", promised("FIRST 1 (b)", abc), members("c"), 'FIRST 1 ("c")'],
  ["but not one that is spared", promised("FIRST 1 (b)", abc), members("c:c:-"), ""],
  ["fewer than promised", promised("FIRST 2 (b, c)", abc), members("c"), 'FIRST 1 ("c")'],
  ["nobody", promised("FIRST 1 (b)", abc), [], ""],
  ["*, and nobody", promised("*", abc), [], ""],
  ["*, and one", promised("ANY 2 (*)", abc), members("c"), "ANY 1 (*)"],
  [
    "two of one name",
    promised("FIRST 2 (m)", members("a:m", "b:m", "c:m", "d:m")),
    members("c:m", "d:m"),
    'FIRST 2 ("m")',
  ],
  ["the new primary is not its own standby", promised("FIRST 1 (b)", abc), members("b"), ""],
];

for (const [what, made, present, after] of now)
  test(`the promise for now: ${what}`, () =>
    assert.equal(formatSynchronousNames(promiseNow(made, "b", present)), after));

const ledger = (declared = system()) => declared.clusters.ledger!;

test("a promise that a plan lowered is what it was meant to be, as long as nobody changed it since", () => {
  const primary = alive("pg1", "primary", {
    settings: { ...alive("pg1", "primary").observation!.settings, synchronousStandbyNames: "" },
  });
  const seen = facts(primary, alive("pg2", "standby"), alive("pg3", "standby"));
  const lowered = {
    cluster: "ledger",
    node: "pg1",
    setting: "",
    meant: "ANY 2 (pg2, pg3)",
    plan: "p",
    at: "2026-11-20T00:00:00.000Z",
    position: 9,
  };
  assert.deepEqual(promisedAfter(ledger(), { ...seen, promises: [lowered] }, primary).names, ["pg2", "pg3"]);
  assert.deepEqual(promisedAfter(ledger(), { ...seen, promises: [{ ...lowered, setting: "pg9" }] }, primary).names, []);
  const pending = { ...lowered, setting: "pg9", replaces: "" };
  assert.deepEqual(promisedAfter(ledger(), { ...seen, promises: [pending] }, primary).names, ["pg2", "pg3"]);
  assert.deepEqual(promisedAfter(ledger(), { ...seen, promises: [{ ...lowered, node: "pg3" }] }, primary).names, []);
  const later = { ...lowered, node: "pg3", position: 10 };
  assert.deepEqual(promisedAfter(ledger(), { ...seen, promises: [lowered, later] }, primary).names, ["pg2", "pg3"]);
});

test("what a plan has lowered since the primary was last seen, is what it was meant to be", () => {
  const set = { cluster: "ledger", node: "pg1", setting: "", meant: "FIRST 1 (pg3)", plan: "p", at: "", position: 9 };
  const seen = (old: NodeFacts) => ({
    ...facts(old, alive("pg2", "standby"), alive("pg3", "standby")),
    promises: [set],
  });
  const files = (synchronousStandbyNames: string) => ({
    configured: { synchronousStandbyNames, synchronousCommit: "on" },
  });
  const memory = (position: number) => ({ remembered: { ...remembered("pg1"), position } });
  for (const [more, names] of [
    [{}, ["pg3"]],
    [memory(8), ["pg3"]],
    [{ ...memory(8), ...files("") }, ["pg3"]],
    [{ ...memory(8), ...files("ANY 1 (pg4)") }, ["pg4"]],
    [memory(10), ["pg2"]],
  ] as const) {
    const old = dead("pg1", more);
    assert.deepEqual(promisedAfter(ledger(), seen(old), old).names, names, JSON.stringify(more));
  }
});

test("spared are: a delayed standby, a cascade, and those that the file spares", () => {
  const declared = system();
  const node = (number: number, more = {}) => ({ url: `postgres://b@127.0.0.1:${number}/x`, ...more });
  const nodes = { pg1: node(1), pg2: node(2), pg3: node(3), pg4: node(4, { synchronous: "never" }), pg5: node(5) };
  const cluster = system({ ...declared.clusters.ledger, nodes }).clusters.ledger!;
  const cascade = { ...alive("pg5", "standby").observation!.settings, primaryConninfo: "host=127.0.0.1 port=2" };
  const seen = facts(
    alive("pg1", "primary"),
    alive("pg2", "standby"),
    alive("pg3", "standby", { applyDelayMs: 3_600_000 }),
    alive("pg4", "standby"),
    alive("pg5", "standby", { settings: cascade, receiver: null }),
  );
  const spared = promisedAfter(cluster, seen, seen.nodes[0]!).members.filter((one) => one.spared);
  assert.deepEqual(
    spared.map((one) => one.node),
    ["pg3", "pg4", "pg5"],
  );
});

test("the file may ask for more than was promised, never for less", () => {
  const old = dead("pg1", { remembered: remembered("pg1", { synchronousStandbyNames: "ANY 2 (pg2, pg3)" }) });
  const seen = facts(old, alive("pg2", "standby"), alive("pg3", "standby"));
  assert.equal(promisedAfter(ledger(), seen, old).count, 2);
  assert.equal(promisedAfter(ledger(system({ synchronous: 0 })), seen, old).count, 2);
});

test("a promise that is given up does not make commits wait for a standby that the file spares", () => {
  const node = (number: number, more = {}) => ({ url: `postgres://b@127.0.0.1:${number}/x`, ...more });
  const nodes = { pg1: node(1), pg2: node(2), pg3: node(3, { synchronous: "never" }) };
  const standbys = alive("pg1", "primary").observation!.standbys.filter(
    ({ applicationName }) => applicationName === "pg3",
  );
  const seen = facts(alive("pg1", "primary", { standbys }), dead("pg2"), alive("pg3", "standby"));
  const made = planDegradeSynchronous(system({ nodes }), seen, noChoice);
  if (isRefusal(made)) assert.fail(made.missing);
  const [degrade] = made.steps;
  assert.deepEqual([degrade?.parameters.count, degrade?.parameters.names], [0, []]);
});

test("what streams and is no node does not stand in: a subscriber, pg_receivewal; what the promise names does", () => {
  const row = (applicationName: string, flushLsn: string | null = "0/3000000") => {
    const [standby] = alive("pg1", "primary").observation!.standbys;
    return { ...standby!, applicationName, flushLsn };
  };
  const degraded = (setting: string, ...standbys: readonly ReturnType<typeof row>[]) => {
    const settings = { ...alive("pg1", "primary").observation!.settings, synchronousStandbyNames: setting };
    const primary = alive("pg1", "primary", { settings, standbys });
    const made = planDegradeSynchronous(system(), facts(primary, dead("pg2"), dead("pg3")), noChoice);
    return isRefusal(made) ? made.rule : [made.steps[0]?.parameters.count, made.steps[0]?.parameters.names];
  };
  assert.deepEqual(degraded("pg2", row("subscriber"), row("pg_receivewal")), [0, []]);
  assert.deepEqual(degraded("pg2", row("subscriber"), row("pg3")), [1, ["pg3"]]);
  assert.deepEqual(degraded("FIRST 2 (pg2, barman)", row("barman"), row("subscriber")), [1, ["barman"]]);
  // One that never confirms holds commits up, whatever it is called.
  assert.deepEqual(degraded("*", row("pg_receivewal", null)), [0, []]);
  assert.deepEqual(degraded("ANY 2 (*)", row("subscriber"), row("pg3", null)), [0, []]);
});

test("under * a node counts that is spared, and so does what no node is: whether commits hang is for PostgreSQL to say", () => {
  const node = (number: number, more = {}) => ({ url: `postgres://b@127.0.0.1:${number}/x`, ...more });
  const nodes = { pg1: node(1), pg2: node(2), pg3: node(3, { synchronous: "never" }) };
  const [row] = alive("pg1", "primary").observation!.standbys;
  const degraded = (setting: string, ...streaming: readonly string[]) => {
    const primary = alive("pg1", "primary", {
      settings: { ...alive("pg1", "primary").observation!.settings, synchronousStandbyNames: setting },
      standbys: streaming.map((applicationName) => ({ ...row!, applicationName })),
    });
    const made = planDegradeSynchronous(
      system({ nodes }),
      facts(primary, dead("pg2"), alive("pg3", "standby")),
      noChoice,
    );
    return isRefusal(made) ? made.rule : [made.steps[0]?.parameters.count, made.steps[0]?.parameters.names];
  };
  assert.equal(degraded("*", "pg3"), "already");
  assert.equal(degraded("*", "undeclared"), "already");
  assert.equal(degraded("FIRST 2 (*)", "pg3", "undeclared"), "already");
  assert.deepEqual(degraded("FIRST 2 (*)", "pg3"), [1, ["pg3"]]);
  assert.deepEqual(degraded("FIRST 2 (*)", "undeclared"), [0, []]);
  assert.deepEqual(degraded("FIRST 3 (*)", "pg3", "undeclared"), [1, ["pg3"]]);
  assert.deepEqual(degraded("FIRST 2 (pg2, barman)", "pg3"), [0, []]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { cacheOf, clusterNamed, clusterOf, invariantOf, nodeNamed, nodeOf, serviceOf } from "../../src/system/names.ts";
import { parse, small } from "./support.ts";

const system = parse(`${small}  other: { nodes: { pg1: "postgres://o", only: "postgres://p" } }
caches: { balances: { redis: "redis://h" } }
services: { api: { needs: [ledger] } }
invariants: { sums: { cluster: ledger, violations: select 1 } }
`);

test("what is there is found", () => {
  assert.equal(clusterOf(system, "ledger").synchronous, 1);
  assert.equal(nodeOf(system, "ledger", "pg2").host, "ssh://root@10.0.0.2");
  assert.equal(cacheOf(system, "balances").redis, "redis://h");
  assert.deepEqual(serviceOf(system, "api").needs, ["ledger"]);
  assert.equal(invariantOf(system, "sums").settle, 2000);
  assert.deepEqual(nodeNamed(system, "only"), { cluster: "other", node: "only" });
  assert.deepEqual(nodeNamed(system, "ledger/pg1"), { cluster: "ledger", node: "pg1" });
  assert.equal(clusterNamed(parse(small)), "ledger");
});

test("what is not there is told with the nearest right name", () => {
  for (const [find, nearest] of [
    [() => clusterOf(system, "ledgr"), "ledger"],
    [() => clusterNamed(system, "ledgr"), "ledger"],
    [() => nodeOf(system, "ledger", "pg22"), "pg2"],
    [() => nodeNamed(system, "ledger/pg22"), "pg2"],
    [() => nodeNamed(system, "onyl"), "only"],
    [() => cacheOf(system, "balance"), "balances"],
    [() => serviceOf(system, "apo"), "api"],
    [() => invariantOf(system, "sum"), "sums"],
    [() => clusterOf(system, "constructor"), undefined],
    [() => clusterOf(system, "__proto__"), undefined],
  ] as const)
    assert.throws(find, (error) => {
      assert.ok(error instanceof BlackstartError);
      assert.equal(error.code, "UNKNOWN_NAME");
      assert.equal(error.details.nearest, nearest);
      return true;
    });
});

test("a name that could be two is not guessed", () => {
  assert.throws(() => nodeNamed(system, "pg1"), /“pg1” is a node of several clusters/);
  assert.throws(() => clusterNamed(system), { code: "USAGE" });
});

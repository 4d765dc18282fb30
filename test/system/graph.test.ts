import assert from "node:assert/strict";
import { test } from "node:test";
import { refFromText, refText } from "../../src/finding/finding.ts";
import { clusterOfRef, dependenciesOf, dependentsOf, needs, thingsOf } from "../../src/system/graph.ts";
import { parse, small } from "./support.ts";

const system = parse(`${small}caches: { balances: { redis: "redis://h" } }
services: { web: { needs: [api] }, api: { needs: [ledger, balances] } }
invariants: { sums: { cluster: ledger, violations: select 1 } }
`);
const texts = (refs: readonly Parameters<typeof refText>[0][]) => refs.map(refText);

for (const [ref, dependencies] of [
  ["service:web", ["service:api", "cluster:ledger", "cache:balances", "node:ledger/pg1", "node:ledger/pg2"]],
  ["cluster:ledger", ["node:ledger/pg1", "node:ledger/pg2"]],
  ["invariant:sums", ["cluster:ledger", "node:ledger/pg1", "node:ledger/pg2"]],
  ["node:ledger/pg1", []],
  ["service:unknown", []],
] as const)
  test(`${ref} needs ${dependencies.join(", ") || "nothing"}`, () =>
    assert.deepEqual(texts(dependenciesOf(system, refFromText(ref))), dependencies));

for (const [ref, dependents] of [
  ["node:ledger/pg1", ["cluster:ledger", "service:api", "invariant:sums", "service:web"]],
  ["cache:balances", ["service:api", "service:web"]],
  ["service:web", []],
  ["system:payments", []],
] as const)
  test(`${ref} is needed by ${dependents.join(", ") || "nothing"}`, () =>
    assert.deepEqual(texts(dependentsOf(system, refFromText(ref))), dependents));

test("needs is the same relation, asked for two", () => {
  for (const a of thingsOf(system))
    for (const b of thingsOf(system)) {
      const isDependency = texts(dependenciesOf(system, a)).includes(refText(b));
      assert.equal(needs(system, a, b), isDependency);
      assert.equal(texts(dependentsOf(system, b)).includes(refText(a)), isDependency);
    }
});

test("the cluster that something belongs to", () => {
  const clusterOf = (text: string) => clusterOfRef(system, refFromText(text));
  assert.equal(clusterOf("node:ledger/pg1"), "ledger");
  assert.equal(clusterOf("invariant:sums"), "ledger");
  assert.equal(clusterOf("cluster:ledger"), "ledger");
  assert.equal(clusterOf("service:api"), undefined);
});

test("a circle, which the file's check refuses, ends the walk all the same", () => {
  const web = { ...system.services.web, needs: ["api"] };
  const circle = { ...system, services: { web, api: { ...web, needs: ["web"] } } } as typeof system;
  assert.deepEqual(texts(dependenciesOf(circle, { kind: "service", name: "web" })), ["service:api"]);
});

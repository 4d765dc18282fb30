import assert from "node:assert/strict";
import { test } from "node:test";
import { assess } from "../../src/watch/assess/assess.ts";
import { placeOf } from "../../src/timeline/promise-record.ts";
import type { Facts } from "../../src/watch/facts.ts";
import {
  factsOf,
  gone,
  healthy,
  moment,
  node,
  now,
  primaryPulse,
  seen,
  sender,
  standbyPulse,
  systemOf,
} from "./facts-of.ts";

/* Standbys of other names than the file's, and servers that stream under the name of one. */

const [pg1, pg2, pg3] = healthy;
const synchronous = {
  synchronousStandbyNames: "FIRST 1 (pg2)",
  senders: [sender("pg2", { syncState: "sync" }), sender("pg3")],
};
const alone = primaryPulse({ ...synchronous, senders: [sender("pg3")] });

const table: readonly (readonly [what: string, facts: Facts, expected: readonly string[]])[] = [
  [
    "another server streams under the name of the standby that is down: it is not that node, and counts all the same",
    factsOf(
      node(
        "pg1",
        primaryPulse({ ...synchronous, senders: [sender("PG2", { syncState: "sync", clientAddress: "10.0.0.9" })] }),
      ),
      node("pg2", standbyPulse("pg2"), gone("down", now.ms - 5000)),
      pg3,
    ),
    ["warning node.down node:ledger/pg2 -> restart ledger/pg2", "warning replication.foreign-standby node:ledger/pg2"],
  ],
  [
    "the standby that was down has just come back, and is not looked at again yet: it is no stranger",
    factsOf(
      node("pg1", primaryPulse({ ...synchronous, senders: [sender("pg2", { connectedMs: 700 }), sender("pg3")] })),
      node("pg2", standbyPulse("pg2"), gone("down", now.ms - 5000)),
      pg3,
    ),
    ["warning node.down node:ledger/pg2 -> restart ledger/pg2"],
  ],
  [
    "two servers under one node's name, one of them at the node's address",
    factsOf(
      node(
        "pg1",
        primaryPulse({
          ...synchronous,
          senders: [
            sender("pg2", { syncState: "sync", clientAddress: "10.0.0.9" }),
            sender("pg2", { syncState: "potential", clientAddress: "10.0.0.2" }),
            sender("pg3"),
          ],
        }),
      ),
      pg2,
      pg3,
    ),
    ["warning replication.foreign-standby node:ledger/pg2"],
  ],
  [
    "the node streams from another node, and has for a while: who has its name here is somebody else",
    factsOf(
      pg1,
      node("pg2", standbyPulse("pg2", { aimedAt: "10.0.0.3:5432" }), { aimedSince: moment(now.ms - 3000) }),
      pg3,
    ),
    ["warning replication.foreign-standby node:ledger/pg2"],
  ],
  [
    "the node has just been led to another: nobody is a stranger for that",
    factsOf(
      pg1,
      node("pg2", standbyPulse("pg2", { aimedAt: "10.0.0.3:5432" }), { aimedSince: moment(now.ms - 300) }),
      pg3,
    ),
    [],
  ],
  [
    "two standbys of one name, as Debian names them: both count",
    factsOf(
      node(
        "pg1",
        primaryPulse({
          synchronousStandbyNames: 'FIRST 2 ("15/main")',
          senders: [sender("15/main", { syncState: "sync" }), sender("15/main", { syncState: "sync" })],
        }),
      ),
      node("pg2", standbyPulse("15/main")),
      node("pg3", standbyPulse("15/main")),
    ),
    [],
  ],
];

for (const [what, facts, expected] of table) test(what, () => assert.deepEqual(seen(facts), expected));

const lowered = { cluster: "ledger", node: "pg1", setting: "", meant: "FIRST 1 (pg2)", plan: "failover-1" };
const record = (ms: number, more: Partial<typeof lowered>) => {
  const one = { ...lowered, ...more, since: moment(ms) };
  return [placeOf(one), one] as const;
};
const since = (ms: number, more = {}) => new Map([record(ms, more)]);

for (const [what, pulse, promises, expected] of [
  ["lowered a while ago", primaryPulse(), since(0), ["lowered"]],
  ["lowered just now: the plan goes on", primaryPulse(), since(now.ms - 5000), []],
  ["about to be lowered further", primaryPulse(), since(0, { setting: "FIRST 1 (pg9)", replaces: "" }), ["lowered"]],
  ["raised since, by whomever", primaryPulse(synchronous), since(0), []],
  ["another is the primary by now", primaryPulse(), since(0, { node: "pg3" }), []],
  [
    "lowered, and another plan has set one on a standby since, which it did not promote",
    primaryPulse(),
    new Map([record(0, {}), record(0, { node: "pg2", setting: "FIRST 1 (pg3)" })]),
    ["lowered"],
  ],
  ["raised by a plan", primaryPulse(synchronous), since(0, { setting: "FIRST 1 (pg2)" }), []],
] as const)
  test(`a promise that a plan lowered: ${what}`, () => {
    const facts = { ...factsOf(node("pg1", pulse), pg2, pg3), promises };
    assert.deepEqual(
      seen(facts),
      expected.map((one) => `warning replication.synchronous-${one} cluster:ledger -> restore-synchronous ledger`),
    );
  });

test("where nobody waits, no commit hangs: the next one would", () => {
  const facts = factsOf(node("pg1", alone), node("pg2", standbyPulse("pg2"), gone("down")), pg3);
  const finding = assess(systemOf(), facts, now).find(({ code }) => code === "replication.synchronous-missing");
  assert.match(finding?.title ?? "", /^The next commit on ledger would hang/);
});

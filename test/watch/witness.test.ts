import assert from "node:assert/strict";
import { test } from "node:test";
import {
  factsOf,
  gone,
  moment,
  node,
  now,
  primaryPulse,
  receiver,
  seen,
  sender,
  standbyPulse,
  systemOf,
} from "./facts-of.ts";

/* A cascade, pg1 ─► pg2 ─► pg3: pg1 is dead, and pg3 goes on hearing pg2. */

for (const [how, aimedAt] of [
  ["the address that we know", "10.0.0.2:5432"],
  ["one for replication alone", "10.0.1.2:6432"],
] as const)
  test(`what the third of a cascade hears from the second, at ${how}, says nothing of the primary`, () => {
    const facts = factsOf(
      node("pg1", primaryPulse(), { ...gone("down", now.ms - 5000), lastGood: moment(now.ms - 6000) }),
      node("pg2", standbyPulse("pg2", { receiver: null, senders: [sender("pg3")] }), {
        persisting: { notFollowing: moment(0) },
      }),
      node("pg3", standbyPulse("pg3", { aimedAt, receiver: receiver({ lastMessageAgeMs: 50 }) })),
    );
    assert.deepEqual(seen(facts), [
      "critical cluster.no-primary cluster:ledger -> failover ledger",
      "critical node.down node:ledger/pg1",
    ]);
  });

test("an address that all nodes declare for replication is no node's: who streams from there hears the primary", () => {
  const nodes = ["pg1", "pg2", "pg3"].map((name, at) => [
    name,
    { url: `postgres://watch@10.0.0.${at + 1}/ledger`, replication: "host=10.0.9.9" },
  ]);
  const system = systemOf({}, { nodes: Object.fromEntries(nodes) });
  const streams = { aimedAt: "10.0.9.9:5432", receiver: receiver({ lastMessageAgeMs: 50 }) };
  const facts = factsOf(
    node("pg1", primaryPulse(), { ...gone("unreachable", now.ms - 5000), lastGood: moment(now.ms - 6000) }),
    node("pg2", standbyPulse("pg2", streams)),
    node("pg3", standbyPulse("pg3", streams)),
  );
  const found = seen(facts, system);
  assert.ok(!found.some((one) => one.includes("cluster.no-primary")), found.join());
});

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { withConnection } from "../../src/drivers/postgres/connection.ts";
import { assess } from "../../src/watch/assess/assess.ts";
import type { ClientsFacts, Facts } from "../../src/watch/facts.ts";
import { withLab } from "../support/lab.ts";
import { noPostgres } from "../support/postgres-versions.ts";
import { factsOf, healthy, now, systemOf } from "./facts-of.ts";
import { described, watching } from "./watching.ts";

const file = "/run/ledger";
const led = (more: Partial<ClientsFacts>): ClientsFacts => ({ cluster: "ledger", file, ...more });
const there = { systemIdentifier: "1", startedAt: "2026-11-20T02:00:00.000Z" };

const rows: readonly (readonly [string, ClientsFacts, readonly string[]])[] = [
  ["to the primary", led({ address: "10.0.0.1:5432", node: "pg1" }), []],
  [
    "to a standby",
    led({ address: "10.0.0.2:5432", node: "pg2" }),
    ["critical clients.misdirected cluster:ledger -> move-clients"],
  ],
  ["nowhere", led({ problem: "it does not exist" }), ["critical clients.no-address cluster:ledger -> move-clients"]],
  [
    "to another name of a standby",
    led({ address: "db:1", reached: { standby: true, ...there } }),
    ["critical clients.misdirected cluster:ledger"],
  ],
  [
    "to where nobody answers",
    led({ address: "db:1", reached: { problem: "refused" } }),
    ["warning clients.unreachable cluster:ledger"],
  ],
];

describe("where the clients are led", () => {
  for (const [where, clients, expected] of rows)
    test(`${where}: ${expected.join() || "nothing is wrong"}`, () => {
      const facts: Facts = { ...factsOf(...healthy), clients: [clients] };
      const found = assess(systemOf(), facts, now).filter(({ code }) => code.startsWith("clients."));
      assert.deepEqual(found.map(described), expected);
    });

  test("to another name of the primary: nothing is wrong", () => {
    const facts = factsOf(...healthy);
    const primary = facts.nodes.find(({ pulse }) => pulse?.role === "primary");
    const { startedAt = "", systemIdentifier = "" } = primary?.identity ?? {};
    const clients = led({ address: "db:1", reached: { standby: false, systemIdentifier, startedAt } });
    const found = assess(systemOf(), { ...facts, clients: [clients] }, now);
    assert.deepEqual(
      found.filter(({ code }) => code.startsWith("clients.")),
      [],
    );
  });

  test("is followed while it changes, and asked of who answers there", { skip: noPostgres }, () =>
    withLab({ standbys: ["asynchronous"] }, async (lab) => {
      await watching(lab, async ({ until }) => {
        const right = readFileSync(lab.addressFile, "utf8");
        await until();
        writeFileSync(lab.addressFile, `127.0.0.1:${lab.node("pg2").port}\n`);
        await until("critical clients.misdirected cluster:ledger -> move-clients");
        writeFileSync(lab.addressFile, right.replace("127.0.0.1", "localhost"));
        await until();
        writeFileSync(lab.addressFile, "127.0.0.1:1\n");
        await until("warning clients.unreachable cluster:ledger");
        rmSync(lab.addressFile);
        await until("critical clients.no-address cluster:ledger -> move-clients");
        writeFileSync(lab.addressFile, right);
        await until();
        // Somebody promotes by hand, and thinks of the servers only.
        await lab.break("kill-primary");
        await until("critical cluster.no-primary cluster:ledger -> failover", "critical node.down node:ledger/pg1");
        await withConnection(lab.node("pg2").url, {}, (connection) => connection.query("select pg_promote()"));
        await until(
          "critical clients.misdirected cluster:ledger -> move-clients",
          "warning node.down node:ledger/pg1 -> rejoin",
        );
      });
    }),
  );
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFleet } from "../../src/drivers/fleet.ts";
import { parseSystem } from "../../src/system/load.ts";
import type { System } from "../../src/system/schema.ts";
import { withLab } from "../support/lab.ts";
import { noPostgres } from "../support/postgres-versions.ts";

const nobody = (port: number) => `postgres://blackstart@127.0.0.1:${port}/postgres`;

describe("the fleet", () => {
  test("knows a data directory from the system file, else from what is remembered, else not", async () => {
    const system = systemOf([
      `a: { url: "${nobody(1)}", host: "local:", data: /from/file }`,
      `b: { url: "${nobody(2)}", host: "local:" }`,
      `c: { url: "${nobody(3)}" }`,
    ]);
    const remembered = (_: string, node: string) =>
      node === "b" ? { ...observation, dataDirectory: "/from/memory" } : undefined;
    const fleet = createFleet(system, remembered);
    assert.equal((await fleet.instance("ledger", "a"))?.dataDirectory, "/from/file");
    assert.equal((await fleet.instance("ledger", "b"))?.dataDirectory, "/from/memory");
    assert.equal(await fleet.instance("ledger", "c"), undefined);
    assert.equal(await createFleet(system).instance("ledger", "b"), undefined);
    await assert.rejects(fleet.instance("ledger", "d"), { code: "UNKNOWN_NAME" });
    await assert.rejects(fleet.connect("leger", "a"), { code: "UNKNOWN_NAME", message: /ledger/ });
    assert.equal(fleet.host("local:"), fleet.host("local:"));
    await fleet.close();
  });

  test("asks a running server that is not remembered", { skip: noPostgres }, () =>
    withLab({ standbys: [] }, async (lab) => {
      const fleet = createFleet(systemOf([`pg1: { url: "${lab.node("pg1").url}", host: "local:" }`]));
      assert.equal((await fleet.instance("ledger", "pg1"))?.dataDirectory, lab.node("pg1").dataDirectory);
      await fleet.close();
    }),
  );

  test("shows no password when it cannot connect", async () => {
    const fleet = createFleet(systemOf([`a: { url: "postgres://u:hunter2@127.0.0.1:1/x" }`]));
    await assert.rejects(fleet.connect("ledger", "a"), (error: Error) => {
      assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /hunter2/);
      return true;
    });
  });
});

function systemOf(nodes: readonly string[]): System {
  const text = ["system: x", "clusters:", "  ledger:", "    nodes:", ...nodes.map((node) => `      ${node}`), ""].join(
    "\n",
  );
  return parseSystem(text, { path: "blackstart.yaml", environment: {} });
}

const observation = {
  cluster: "ledger",
  node: "b",
  role: "primary",
  version: 150000,
  systemIdentifier: "1",
  timelineId: 1,
  configFile: "/etc/postgresql/postgresql.conf",
  synchronousStandbyNames: "",
  standbys: [],
} as const;

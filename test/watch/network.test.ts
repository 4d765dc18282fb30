import assert from "node:assert/strict";
import { test } from "node:test";
import { setNetwork } from "../../src/lab/proxy/network.ts";
import { withLab } from "../support/lab.ts";
import { eventually, watching } from "./watching.ts";

const noPrimary = "critical cluster.no-primary cluster:ledger -> failover";

test("the network to the primary is cut: refusing, and swallowing everything", async () => {
  await withLab({ proxied: true }, (lab) =>
    watching(lab, async ({ until, watcher }) => {
      await until();
      await setNetwork(lab.directory, "pg1", "cut");
      await until(noPrimary, "critical node.down node:ledger/pg1");
      await setNetwork(lab.directory, "pg1", "open");
      await until();

      await setNetwork(lab.directory, "pg1", "black-hole");
      await eventually(() => {
        const codes = watcher.findings().map(({ code }) => code);
        assert.ok(codes.includes("cluster.no-primary"), codes.join());
        assert.ok(codes.includes("node.hanging") || codes.includes("node.unreachable"), codes.join());
        assert.ok(!codes.includes("node.down"), codes.join());
      });
      await setNetwork(lab.directory, "pg1", "open");
      await until();
    }),
  );
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { findBinaries } from "../../src/lab/binaries.ts";
import { inNamespace, noNamespaces } from "../support/namespace.ts";
import { noPostgres } from "../support/postgres-versions.ts";
import { assertWhole, on, until } from "./servers.ts";
import { withWorld } from "./world.ts";

/* A primary that runs in a container: its host sees it by another path than it sees itself. */

test("a halted primary in another namespace of mounts is not taken for down: it is ended before the promotion", {
  skip: noPostgres || noNamespaces,
}, async () => {
  const { directory: binaries } = await findBinaries();
  await withWorld({ binaries }, async (world) => {
    const pg1 = await world.fleet.instance("ledger", "pg1");
    assert.ok(pg1);
    await pg1.stop("fast", 10_000);
    const path = join(world.lab.directory, "in-container");
    await inNamespace({ dataDirectory: pg1.dataDirectory, path, binaries, flags: ["-m"] }, async () => {
      await until("it takes writes again", () =>
        on(world, "pg1", async (one) => (await one.query("create table t as select 1 as i")).length === 0),
      );
      const { postmasterPid } = await pg1.inspect();
      assert.ok(postmasterPid, "its host does not see it");
      process.kill(postmasterPid, "SIGSTOP");
      const result = await world.act("failover", "ledger");
      assert.equal(result.outcome, "done", result.state);
      assert.throws(() => process.kill(postmasterPid, "SIGCONT"), { code: "ESRCH" });
      assert.notEqual(await assertWhole(world), "pg1");
    });
  });
});

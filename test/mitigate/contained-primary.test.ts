import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { findBinaries } from "../../src/lab/binaries.ts";
import { inNamespace, noNamespaces } from "../support/namespace.ts";
import { noPostgres } from "../support/postgres-versions.ts";
import type { ObservationEvent } from "../../src/timeline/observation.ts";
import { assertWhole, on, onlyPrimary, until } from "./servers.ts";
import { remember, type World, withSystemFile, withWorld } from "./world.ts";

/* A primary that runs in a container: its host sees it by another path than it sees itself. */

const skip = noPostgres || noNamespaces;

test(
  "a halted primary in another namespace of mounts is not taken for down: it is ended before the promotion",
  {
    skip,
  },
  () =>
    withContained(async (world) => {
      const { postmasterPid } = (await (await world.fleet.instance("ledger", "pg1"))?.inspect()) ?? {};
      assert.ok(postmasterPid, "its host does not see it");
      process.kill(postmasterPid, "SIGSTOP");
      const result = await world.act("failover", "ledger");
      assert.equal(result.outcome, "done", result.state);
      assert.throws(() => process.kill(postmasterPid, "SIGCONT"), { code: "ESRCH" });
      assert.notEqual(await assertWhole(world), "pg1");
    }),
);

test("a primary is handed over that says of its configuration by which path it sees it itself", { skip }, () =>
  withContained(async (world) => {
    await remember(world);
    // Its `data:` is declared, as its machine sees it.
    await withSystemFile(
      world,
      (text) => text,
      async (declared) => {
        const result = await declared.act("switchover", "ledger", { node: "pg2" });
        assert.equal(result.outcome, "done", result.state);
        assert.equal(await assertWhole(declared), "pg2");
      },
    );
  }),
);

test("a primary whose configuration cannot be read on its host is not stopped", { skip: noPostgres }, () =>
  withWorld({}, async (world) => {
    const { dataDirectory } = world.lab.node("pg1");
    const [memory] = await world.timeline.read({ stream: "cluster/ledger" });
    assert.ok(memory);
    const configFile = join(world.lab.directory, "nowhere", "postgresql.conf");
    const data = { ...(memory.data as ObservationEvent["data"]), node: "pg1", dataDirectory, configFile };
    await world.timeline.append("cluster/ledger", "any", [{ kind: "node.observed", by: "watch", data }]);
    await withSystemFile(
      world,
      (text) => text,
      async (elsewhere) => {
        const result = await elsewhere.act("switchover", "ledger", { node: "pg2" });
        assert.equal(result.outcome, "stopped");
        assert.match(result.state, /It is not known that pg1 would stay a standby/);
        assert.equal(await onlyPrimary(elsewhere), "pg1");
      },
    );
  }),
);

/** With pg1 in a container that binds its data directory to a path of its own. */
async function withContained(use: (world: World) => Promise<void>): Promise<void> {
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
      await use(world);
    });
  });
}

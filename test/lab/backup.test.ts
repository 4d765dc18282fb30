import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withConnection } from "../../src/drivers/postgres/connection.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { withLab } from "../support/lab.ts";
import { postgresVersions } from "../support/postgres-versions.ts";

async function ask<Row extends object>(lab: Lab, statement: string): Promise<readonly Row[]> {
  return withConnection((await lab.clientUrl()) ?? "", {}, (connection) => connection.query<Row>(statement));
}

for (const { title, binaries, skip } of postgresVersions)
  describe(`a lab with an archive, on ${title}`, { skip }, () => {
    it("is restored up to what was archived; what came later is gone, and the clients are led there", () =>
      withLab({ binaries, archive: true }, async (lab) => {
        await ask(lab, "create table orders as select generate_series(1, 100) as id");
        await lab.backUp();
        await ask(lab, "insert into orders select generate_series(101, 1500)");
        await lab.archiveLog();
        await ask(lab, "insert into orders values (0)");
        await lab.restore("pg3");
        assert.deepEqual(await ask(lab, "select count(*)::int as orders, min(id) as first from orders"), [
          { orders: 1500, first: 1 },
        ]);
        const { nodes } = await lab.status();
        assert.deepEqual(
          nodes.map(({ name, role }) => [name, role]),
          [
            ["pg1", "down"],
            ["pg2", "down"],
            ["pg3", "primary"],
          ],
        );
        // It takes writes, and nobody has to acknowledge them.
        await ask(lab, "insert into orders values (-1)");
      }));
  });

describe("a lab", () => {
  it("cannot be restored where nothing was backed up, nor archive without an archive", () =>
    withLab({ standbys: [] }, async (lab) => {
      await assert.rejects(lab.restore("pg1"), /cannot do this now/);
      await assert.rejects(lab.archiveLog(), /cannot do this now/);
      assert.deepEqual(await ask(lab, "select 1 as one"), [{ one: 1 }], "it was left alone");
    }));

  it("has a standby promoted also while the old primary hangs, or goes on", async () => {
    for (const fault of ["hang", undefined])
      await withLab({ standbys: ["asynchronous", "asynchronous"] }, async (lab) => {
        await ask(lab, "create table t as select 1 as one");
        if (fault !== undefined) await lab.break(fault);
        await lab.promote("furthest");
        assert.match((await lab.clientUrl()) ?? "", new RegExp(`:(${lab.node("pg2").port}|${lab.node("pg3").port})/`));
        await ask(lab, "insert into t values (2)");
      });
  });

  it("has the standby promoted that has received most, and the other follow it", () =>
    withLab({ standbys: ["synchronous", "asynchronous"] }, async (lab) => {
      await ask(lab, "create table t as select 1 as one");
      await lab.break("kill-primary");
      await lab.promote("furthest");
      await ask(lab, "insert into t values (2)");
      const { nodes } = await lab.status();
      assert.deepEqual(nodes.map(({ role }) => role).toSorted(), ["asynchronous", "down", "primary"]);
      await assert.rejects(lab.promote("pg1"), /pg1 cannot be promoted/);
    }));
});

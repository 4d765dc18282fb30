import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { postgresVersions } from "../support/postgres-versions.ts";
import { on, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

/* The disk is full where a diverged standby, which serves reads, would have to be kept and copied. */

for (const { title, binaries, skip } of postgresVersions)
  test(`a standby for whose copies there is no room is not stopped, with ${title}`, { skip }, async () => {
    await withWorld({ binaries }, async (world) => {
      await leaveBranch(world, "pg3");
      const startedAt = () =>
        on(world, "pg3", async (connection) => {
          const [row] = await connection.query<{ at: string }>("select pg_postmaster_start_time()::text as at");
          return row?.at;
        });
      const before = await startedAt();
      await withFullDisk(world, async () => {
        const result = await world.act("rejoin", "ledger/pg3");
        assert.equal(result.outcome, "stopped");
        const failed = (await world.events(result.planId)).find((one) => one.kind === "step.failed");
        assert.match(JSON.stringify(failed?.data), /It runs, as before.*There is no room to .*MiB are free beside/);
        assert.equal(await startedAt(), before, "it was stopped");
      });
      const result = await world.act("rejoin", "ledger/pg3");
      assert.equal(result.outcome, "done", result.state);
    });
  });

/** As `df` tells it. */
async function withFullDisk(world: World, use: () => Promise<void>): Promise<void> {
  const folder = join(world.lab.directory, "full");
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "df"), "#!/bin/sh\necho 'disk 9000 8999 1 100% /'\n");
  chmodSync(join(folder, "df"), 0o755);
  const path = process.env.PATH;
  process.env.PATH = `${folder}:${path}`;
  try {
    await use();
  } finally {
    process.env.PATH = path;
  }
}

/** Promoted, and made a standby again. */
async function leaveBranch(world: World, node: string): Promise<void> {
  await on(world, node, (connection) => connection.query("select pg_promote(true)"));
  const instance = await world.fleet.instance("ledger", node);
  assert.ok(instance);
  await instance.stop("fast", 10_000);
  await instance.markStandby();
  await instance.start(10_000);
  await on(world, "pg1", (connection) => connection.query("create table t (i int)"));
  await until("pg2 has it", () =>
    on(world, "pg2", async (connection) => {
      const [row] = await connection.query<{ there: boolean }>("select to_regclass('t') is not null as there");
      return row?.there === true;
    }),
  );
}

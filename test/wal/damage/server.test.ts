import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { damageFile } from "../../../src/wal/damage/damage-file.ts";
import { withFolder } from "../../support/folder.ts";
import { freePort, installedBinaries, runServer, withServer } from "../server.ts";

const transactions = 300;

for (const [version, binaries] of installedBinaries())
  test(`PostgreSQL ${version} does over damaged log what we say it does`, () =>
    withFolder(async (folder) => {
      const [backup, archive] = [join(folder, "backup"), join(folder, "archive")];
      await withServer(
        binaries,
        folder,
        { wal_keep_size: "500MB", wal_level: "replica" },
        async (server) => {
          await server.query("create table t (id int)");
          await server.stop("fast");
          await cp(server.dataDirectory, backup, { recursive: true });
          await server.start();
          await server.query(
            `do $$ begin for i in 1..${transactions} loop insert into t values (i); commit; end loop; end $$`,
          );
          await server.query("select pg_switch_wal()");
          await server.stop("immediate");
          await cp(server.walDirectory, archive, { recursive: true });
        },
        ["--wal-segsize=1"],
      );
      const names = (await readdir(archive)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
      const isInsert = (record: { resourceManager: number; info: number; xid: number }) =>
        record.resourceManager === 10 && (record.info & 0x70) === 0 && record.xid > 0;
      // Where the workload is: the first segment with an insertion into the table of which the first 100 are done.
      let seen = 0;
      const { verdict } = await firstOf(names, (name) =>
        damageFile({
          file: join(archive, name),
          record: (record) =>
            isInsert(record) &&
            record.blocks[0]?.relation !== undefined &&
            record.blocks[0].relation >= 16384 &&
            ++seen > 100,
          field: "xl_tot_len",
        }),
      );
      assert.ok(verdict.stops);
      assert.equal(verdict.commitsLost, transactions - 100);
      const port = await freePort();
      const settings = {
        port: String(port),
        listen_addresses: "127.0.0.1",
        unix_socket_directories: "",
        fsync: "off",
        dynamic_shared_memory_type: "mmap",
        restore_command: `cp '${archive}'/%f %p`,
        wal_retrieve_retry_interval: "50ms",
      };
      const says = new RegExp(verdict.stops.says.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), "g");
      const restored = async (name: string, signal: string) => {
        const data = join(folder, name);
        await cp(backup, data, { recursive: true });
        await writeFile(join(data, signal), "");
        if (process.getuid?.() === 0) execFileSync("chown", ["-R", "nobody", data, archive]);
        return data;
      };

      await runServer(binaries, await restored("standby", "standby.signal"), settings, async (server) => {
        // Once could be the end of the log; it says it again and again, and stays up.
        await server.logged(new RegExp(`(?:${says.source}[^]*){3}`));
        assert.equal(await rows(port), 100);
      });
      await runServer(binaries, await restored("recovery", "recovery.signal"), settings, async (server) => {
        await server.logged(/archive recovery complete[^]*ready to accept connections/);
        assert.match(server.log(), new RegExp(says.source));
        // It succeeds, and nothing says that two thirds are missing.
        assert.equal(await rows(port), 100);
        assert.doesNotMatch(server.log(), /ERROR|FATAL|PANIC|WARNING/);
      });
      const target = { ...settings, recovery_target_time: "2100-01-01 00:00:00+00" };
      await runServer(binaries, await restored("target", "recovery.signal"), target, async (server) => {
        await server.ended;
        assert.match(server.log(), new RegExp(says.source));
        assert.match(server.log(), /FATAL: {2}recovery ended before configured recovery target was reached/);
      });
    }));

async function firstOf<T>(names: readonly string[], act: (name: string) => Promise<T>): Promise<T> {
  for (const name of names) {
    const done = await act(name).catch((error: Error) => {
      if (!/has no such record|holds no log/.test(error.message)) throw error;
      return undefined;
    });
    if (done !== undefined) return done;
  }
  throw new Error("no segment has such a record");
}

async function rows(port: number): Promise<number> {
  const client = new pg.Client({ connectionString: `postgres://blackstart@127.0.0.1:${port}/postgres` });
  await client.connect();
  try {
    return Number((await client.query("select count(*) from t")).rows[0].count);
  } finally {
    await client.end();
  }
}

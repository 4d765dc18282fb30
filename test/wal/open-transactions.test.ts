import assert from "node:assert/strict";
import { test } from "node:test";
import { localWalFiles } from "../../src/wal/files.ts";
import { TransactionTracker } from "../../src/wal/open-transactions.ts";
import { readWal } from "../../src/wal/reader.ts";
import { openWalDirectory } from "../../src/wal/segments.ts";
import { withFolder } from "../support/folder.ts";
import { installedBinaries, withServer } from "./server.ts";

for (const [version, directory] of installedBinaries())
  for (const level of ["replica", "logical"])
    test(`what was in flight is told from what had ended, PostgreSQL ${version}, wal_level ${level}`, () =>
      withFolder((folder) =>
        withServer(directory, folder, { max_prepared_transactions: "5", wal_level: level }, async (server) => {
          await server.query("create table a (id int); create table b (id int)");
          const early = await server.connect();
          const xidOf = async (client: typeof early) =>
            Number((await client.query("select pg_current_xact_id()::text as xid")).rows[0].xid);
          await early.query("begin; insert into a values (1)");
          const earlyXid = await xidOf(early);
          // Is only in the checkpoint's list of running transactions; its own records are before what is read.
          await server.query("checkpoint");

          await server.query("begin; insert into a values (2); savepoint s; insert into b values (2); commit");
          await server.query("begin; insert into a values (3); rollback");
          await server.query("begin; insert into a values (4); prepare transaction 'it''s kept'");
          await server.query("begin; insert into a values (5); prepare transaction 'ended'");
          await server.query("commit prepared 'ended'");
          const late = await server.connect();
          await late.query("begin; insert into b values (6)");
          const lateXid = await xidOf(late);
          const deep = await server.connect();
          await deep.query(
            "begin; insert into a values (7); savepoint s; insert into a values (8); insert into b values (8)",
          );
          const deepXid = await xidOf(deep);
          const reader = await server.connect();
          await reader.query("begin; select * from a");
          await server.query("select pg_switch_wal()");
          const [committed] = await server.query("insert into b values (9) returning xmin::text as xid");
          await server.kill();

          const wal = await openWalDirectory(localWalFiles(server.walDirectory));
          const tracker = new TransactionTracker(wal.version);
          const end = await readWal(wal, {}, (record) => tracker.visit(record));
          await wal.files.close();
          assert.equal(end.kind, "end");
          const { open, prepared, lastCommits, complete } = tracker.summary();
          assert.ok(complete);
          const withSub =
            level === "logical" ? [earlyXid, lateXid, deepXid] : [earlyXid, lateXid, deepXid, deepXid + 1];
          assert.deepEqual(open.map(({ xid }) => xid).sort(), withSub.sort());
          assert.deepEqual(open.find(({ xid }) => xid === lateXid)?.relations.length, 1);
          if (level === "logical") {
            const deepOne = open.find(({ xid }) => xid === deepXid);
            assert.deepEqual(deepOne?.subxids, [deepXid + 1]);
            assert.equal(deepOne?.relations.length, 2);
          }
          assert.deepEqual(
            prepared.map(({ gid }) => gid),
            ["it's kept"],
          );
          assert.ok(Math.abs((prepared[0]?.preparedAt ?? 0) - Date.now()) < 600_000);
          assert.equal(lastCommits.at(-1)?.xid, Number(committed?.xid));
        }),
      ));

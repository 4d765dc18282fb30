import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { withFolder } from "../../support/folder.ts";
import { installedBinaries, withServer } from "../../wal/server.ts";
import { commandLine, type Line } from "../command-line.ts";

const [version, binaries] = [...installedBinaries()][0] ?? [];

test("wal dump, show and damage from the command line", { skip: binaries ? false : "no PostgreSQL" }, () =>
  withFolder(async (folder) => {
    const blackstart = commandLine(folder);
    const copies = join(folder, "copies");
    await mkdir(copies);
    await withServer(
      binaries as string,
      folder,
      { wal_keep_size: "100MB", autovacuum: "off" },
      async (server) => {
        await server.query("create table t (id int, body text)");
        await server.query(
          "do $$ begin for i in 1..200 loop insert into t values (i, 'row ' || i); commit; end loop; end $$",
        );
        const [row] = await server.query(
          "select pg_walfile_name(pg_current_wal_lsn()) as name, pg_relation_filenode('t') as file",
        );
        const live = join(server.walDirectory, row?.name as string);

        // A data directory is understood, also while its server runs.
        const json = await blackstart.run(
          "wal",
          "dump",
          server.dataDirectory,
          "--json",
          "--relation",
          String(row?.file),
        );
        assert.equal(json.code, 0, json.stderr);
        assert.deepEqual(json.records.slice(0, -1).filter(({ type }: Line) => type.startsWith("INSERT")).length, 200);
        const { result, records, bytes, end } = json.result;
        assert.deepEqual([result, records, end.reason], ["wal", json.records.length - 1, "end-of-wal"]);
        assert.ok(bytes > 200 * 50);
        const insert = json.records[100];
        assert.deepEqual(Object.keys(insert), [
          "lsn",
          "prev",
          "xid",
          "rmgr",
          "info",
          "type",
          "length",
          "description",
          "blocks",
        ]);
        assert.equal(insert.blocks[0].relation, row?.file);

        const text = await blackstart.run("wal", "dump", live, "--xid", String(insert.xid));
        assert.match(
          text.stdout,
          new RegExp(
            `^${insert.lsn} +prev ${insert.prev} +xid ${insert.xid} .*Heap INSERT .*\\n.*Transaction COMMIT +at 20`,
          ),
        );
        const stats = await blackstart.run("wal", "dump", live, "--stats");
        assert.match(stats.stdout, /^Heap INSERT +2\d\d /m);
        const limited = await blackstart.run("wal", "dump", live, "--limit", "3");
        assert.equal(limited.stdout.split("\n").length, 4);

        const file = join(copies, row?.name as string);
        await copyFile(live, file);
        const shown = await blackstart.run("wal", "show", file, "--lsn", insert.lsn);
        assert.match(shown.stdout, /xl_crc +CRC-32C of its other bytes: matches/);
        assert.match(shown.stdout, new RegExp(`block0.relNumber +file ${row?.file} of the table`));
        assert.match(shown.stdout, /r\.?o\.?w/);
        assert.doesNotMatch(shown.stdout, /\u001b/);
        const beginning = await blackstart.run("wal", "show", file);
        assert.match(beginning.stdout, new RegExp(`xlp_magic +0x[0-9A-F]{4}: log of PostgreSQL ${version}`));

        const field = ["--lsn", insert.lsn, "--field"] as const;
        for (const place of [live, join(copies, "link", row?.name as string)]) {
          await symlink(server.walDirectory, join(copies, "link")).catch(() => undefined);
          const refused = await blackstart.run("wal", "damage", place, ...field, "xl_crc");
          assert.deepEqual([refused.code, refused.stdout], [3, ""], refused.stderr);
          assert.match(refused.stderr, /belongs to a server that runs/);
        }
        const untouched = await readFile(file);
        const out = await blackstart.run("wal", "damage", live, ...field, "xl_crc", "--out", join(copies, "out"));
        assert.equal(out.code, 0, out.stderr);

        const done = await blackstart.run("wal", "damage", file, ...field, "xl_tot_len", "--json");
        assert.equal(done.code, 0, done.stderr);
        assert.match(done.result.says, new RegExp(`^invalid record length at ${insert.lsn}: `));
        assert.equal(done.result.commitsLost, 100);
        assert.deepEqual(await readFile(done.result.original), untouched);
        const changed = await readFile(file);
        const offset = done.result.offsets[0];
        assert.deepEqual([...changed.subarray(offset, offset + 4)], [0, 0, 0, 0]);
        changed.set(untouched.subarray(offset, offset + 4), offset);
        assert.deepEqual(changed, untouched);

        const after = await blackstart.run("wal", "dump", file, "--json");
        assert.deepEqual([after.code, after.result.end.reason, after.result.end.lsn], [1, "damaged", insert.lsn]);
        // Once more: the first copy stays.
        const again = await blackstart.run("wal", "damage", file, ...field, "xl_rmid", "--json");
        assert.equal(again.result.original, `${file}.before-damage-2`);
        const there = await blackstart.run("wal", "damage", file, ...field, "xl_rmid", "--out", join(copies, "out"));
        assert.deepEqual([there.code, /is there already/.test(there.stderr)], [2, true]);
      },
      ["--wal-segsize=1"],
    );
    const wrong: readonly (readonly [args: string[], pattern: RegExp])[] = [
      [["dump", join(folder, "nothing")], /no such file/],
      [["dump", copies, "--from", "12"], /--from 12 is no place in the log/],
      [["dump", copies, "--rmgr", "Haep"], /there is no such resource manager.*Heap/s],
      [["dump", copies, "--limit", "-1"], /--limit -1 is no number/],
      [["show", join(folder, "blackstart.test.ts")], /no such file/],
      [["show", copies, "--lsn", "0/1", "--offset", "3"], /are given both/],
    ];
    for (const [args, pattern] of wrong) {
      const ended = await blackstart.run("wal", ...args);
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.stderr, pattern);
    }
  }),
);

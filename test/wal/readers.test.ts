import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { localWalFiles } from "../../src/wal/files.ts";
import { recordTypeName } from "../../src/wal/describe/types.ts";
import { forkNames, lsnTextOf, resourceManagerName } from "../../src/wal/format.ts";
import { readWal } from "../../src/wal/reader.ts";
import { openWalDirectory } from "../../src/wal/segments.ts";
import { withFolder } from "../support/folder.ts";
import { installedBinaries, withServer } from "./server.ts";
import { wideWorkload } from "./workload.ts";

const binaries = installedBinaries();
const settings = {
  max_prepared_transactions: "5",
  wal_level: "logical",
  wal_keep_size: "500MB",
  track_commit_timestamp: "on",
};

/** Those that a server of this machine writes in `wideWorkload`; Generic needs an extension. */
const managersMet =
  "XLOG Transaction Storage Database Tablespace MultiXact RelMap Standby Heap2 Heap Btree Hash Gin Gist Sequence SPGist BRIN CommitTs ReplicationOrigin LogicalMessage".split(
    " ",
  );

for (const [version, directory] of binaries) {
  const waldump = join(directory, "pg_waldump");
  // The npm-shipped one has none; it is held against pg_walinspect below.
  if (directory.includes("node_modules")) continue;
  test(
    `every record is read as pg_waldump ${version} reads it`,
    {
      skip: existsSync(waldump) ? false : `no pg_waldump in ${directory}`,
    },
    () =>
      withFolder((folder) =>
        withServer(
          directory,
          folder,
          settings,
          async (server) => {
            await wideWorkload(server);
            await server.kill();
            const wal = await openWalDirectory(localWalFiles(server.walDirectory));
            assert.equal(wal.version, version);
            const ours: string[] = [];
            const end = await readWal(wal, {}, (record) => {
              assert.ok(record.decode());
              const blocks = record.blocks.slice(0, record.blockCount).map((block) => {
                const fork = block.fork === 0 ? "" : ` fork ${forkNames[block.fork]}`;
                const relation = `rel ${block.tablespace}/${block.database}/${block.relation}`;
                return `blkref #${block.id}: ${relation}${fork} blk ${block.block}${block.hasImage ? " FPW" : ""}`;
              });
              const head = [record.totalBytes - record.imageBytes, record.totalBytes, record.xid].join(" ");
              const places = `${lsnTextOf(record.lsn)} ${lsnTextOf(record.previous)}`;
              const type = recordTypeName(record.resourceManager, record.info, version);
              ours.push([`${resourceManagerName(record.resourceManager)} ${type}`, head, places, ...blocks].join("; "));
            });
            const first = wal.segments[0]?.name ?? "";
            const last = wal.segments.at(-1)?.name ?? "";
            const dump = spawnSync(waldump, ["-p", server.walDirectory, first, last], {
              encoding: "utf8",
              maxBuffer: 2 ** 30,
            });
            const theirs = dump.stdout.split("\n").filter(Boolean).map(parsedDump);
            assert.ok(theirs.length > 3000, `${theirs.length} records`);
            assert.ok(wal.segments.length > 2);
            assert.deepEqual(ours, theirs);
            assert.deepEqual(
              managersMet.filter((name) => !ours.some((line) => line.startsWith(`${name} `))),
              [],
            );
            assert.equal(end.kind, "end");
            assert.ok(dump.stderr.includes(lsnTextOf(end.lsn)), dump.stderr);
            await wal.files.close();
          },
          ["--wal-segsize=1"],
        ),
      ),
  );
}

/** One line of pg_waldump's text, as ours. */
function parsedDump(line: string): string {
  const match =
    /^rmgr: (\S+)\s+len \(rec\/tot\):\s+(\d+)\/\s*(\d+), tx:\s+(\d+), lsn: (\S+), prev (\S+), desc: (.*)$/.exec(line);
  assert.ok(match, line);
  const [, manager, recordBytes, totalBytes, xid, lsn, previous, rest = ""] = match;
  const blocks = [...rest.matchAll(/(blkref #\d+: rel \d+\/\d+\/\d+(?: fork \w+)? blk \d+)( FPW| \(FPW\))?/g)];
  const plain = (text = "") =>
    text
      .split("/")
      .map((part) => part.replace(/^0+(?=.)/, ""))
      .join("/");
  const places = `${plain(lsn)} ${plain(previous)}`;
  const texts = blocks.map((block) => `${block[1]}${block[2] ? " FPW" : ""}`);
  // Before the details; a name of two words is one that nobody gave.
  const type = /^UNKNOWN \(\w+\)|^\S+/.exec(rest)?.[0];
  return [`${manager} ${type}`, `${recordBytes} ${totalBytes} ${xid}`, places, ...texts].join("; ");
}

for (const version of [15, 18]) {
  const directory = binaries.get(version);
  test(
    `every record is read as pg_walinspect of ${version} reads it`,
    {
      skip: directory === undefined ? `no PostgreSQL ${version}` : false,
    },
    () =>
      withFolder((folder) =>
        withServer(
          directory as string,
          folder,
          settings,
          async (server) => {
            await wideWorkload(server);
            await server.query("create extension pg_walinspect");
            const wal = await openWalDirectory(localWalFiles(server.walDirectory));
            const first = lsnTextOf((wal.segments[0]?.startLsn ?? 0) + 40);
            const rows = await server.query(
              `select start_lsn::text, end_lsn::text, prev_lsn::text, xid::text, resource_manager, record_length::int,
                main_data_length::int, fpi_length::int, record_type from pg_get_wal_records_info($1, pg_current_wal_flush_lsn())`,
              [first],
            );
            const theirs = rows.map((row) => Object.values(row).join(" "));
            const ours: string[] = [];
            await readWal(wal, {}, (record) => {
              assert.ok(record.decode());
              ours.push(
                [
                  lsnTextOf(record.lsn),
                  lsnTextOf(record.endLsn),
                  lsnTextOf(record.previous),
                  record.xid,
                  resourceManagerName(record.resourceManager),
                  record.totalBytes,
                  record.mainBytes,
                  record.imageBytes,
                  recordTypeName(record.resourceManager, record.info, version),
                ].join(" "),
              );
            });
            assert.ok(theirs.length > 3000, `${theirs.length} records`);
            assert.deepEqual(
              managersMet.filter((name) => !rows.some((row) => row.resource_manager === name)),
              [],
            );
            // The server goes on writing: ours may have more at the end.
            assert.deepEqual(ours.slice(0, theirs.length), theirs);
            await wal.files.close();
          },
          ["--wal-segsize=1"],
        ),
      ),
  );
}

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { damaged, planDamage } from "../../../src/wal/damage/damage.ts";
import { verdictOn } from "../../../src/wal/damage/verdict.ts";
import { localWalFiles } from "../../../src/wal/files.ts";
import { lsnTextOf } from "../../../src/wal/format.ts";
import { readWal } from "../../../src/wal/reader.ts";
import { openWalDirectory } from "../../../src/wal/segments.ts";
import { readSegment } from "../../../src/wal/show/segment-bytes.ts";
import { withFolder } from "../../support/folder.ts";
import { installedBinaries, withServer } from "../server.ts";
import { mixedWorkload } from "../workload.ts";

/**
 * The system's identifier is not among them: pg_walinspect does not look at it.
 * `record`: one in the middle of a page; `crossing`: one that goes on on the next page; `segment`: its first page.
 */
const cases: readonly (readonly [
  of: "record" | "crossing" | "next page" | "page" | "segment",
  field: string,
  value?: string,
])[] = [
  ["record", "xl_tot_len"],
  ["record", "xl_tot_len", "23"],
  ["record", "xl_tot_len", "0xFFFFFFFF"],
  ["record", "xl_tot_len", "30"],
  ["record", "xl_xid"],
  ["record", "xl_prev"],
  ["record", "xl_info"],
  ["record", "xl_rmid"],
  ["record", "xl_crc", "0"],
  ["record", "block0.blkno", "77"],
  ["record", "block0.relNumber"],
  ["record", "main.offnum"],
  ["crossing", "xl_tot_len", "9"],
  ["crossing", "xl_prev", "0/1"],
  ["crossing", "xl_rmid"],
  ["crossing", "xl_crc"],
  ["crossing", "xl_tot_len", "0x7000"],
  ["next page", "xlp_rem_len", "1"],
  ["next page", "xlp_info", "0"],
  ["page", "xlp_magic"],
  ["page", "xlp_info", "0xFF00"],
  ["page", "xlp_tli", "0"],
  ["page", "xlp_pageaddr", "0/8000"],
  ["segment", "xlp_info", "0"],
  ["segment", "xlp_seg_size", "1"],
  ["segment", "xlp_xlog_blcksz", "1"],
  ["segment", "xlp_magic", "0xD07E"],
];

for (const [version, directory] of installedBinaries())
  test(
    `damage is told in the words of PostgreSQL ${version}`,
    { skip: version < 15 && "no pg_walinspect before 15" },
    () =>
      withFolder((folder) =>
        withServer(
          directory,
          folder,
          { max_prepared_transactions: "5", wal_keep_size: "500MB" },
          async (server) => {
            await mixedWorkload(server);
            await server.query("create extension pg_walinspect");
            const files = localWalFiles(server.walDirectory);
            const wal = await openWalDirectory(files);
            const segment = wal.segments.at(-3);
            assert.ok(segment);
            const places = await placesIn(wal, segment.startLsn);
            const from = lsnTextOf(segment.startLsn - wal.segmentBytes + 40);
            const to = lsnTextOf(segment.startLsn + wal.segmentBytes);
            const file = join(server.walDirectory, segment.name);
            const content = await readSegment(file);
            for (const [of, field, value] of cases) {
              const name = `${of} ${field} ${value ?? ""}`;
              const damage = planDamage(content, { lsn: places[of], field, ...(value && { value }) });
              const now = damaged(content.bytes, damage);
              const { stops } = await verdictOn(wal, segment.name, now);
              await writeFile(file, now);
              const said = await server.query("select count(*) from pg_get_wal_records_info($1, $2)", [from, to]).then(
                () => "nothing",
                (error: Error) => error.message,
              );
              await writeFile(file, content.bytes);
              assert.ok(stops, `${name}: ${said}`);
              assert.match(said, /could not read WAL at/, name);
              assert.ok(said.endsWith(`: ${stops.says}`), `${name}\n  they: ${said}\n  we:   ${stops.says}`);
            }
            await files.close();
          },
          ["--wal-segsize=1"],
        ),
      ),
  );

async function placesIn(wal: Awaited<ReturnType<typeof openWalDirectory>>, startLsn: number) {
  const found = { record: 0, crossing: 0, "next page": 0, page: startLsn + 5 * wal.pageBytes, segment: startLsn };
  await readWal(wal, { from: startLsn }, (record) => {
    assert.ok(record.decode());
    const page = Math.floor(record.lsn / wal.pageBytes);
    const isInsert =
      record.resourceManager === 10 && (record.info & 0x70) === 0 && record.blockCount === 1 && record.imageBytes === 0;
    if (isInsert && page === Math.floor(record.endLsn / wal.pageBytes) && found.record === 0) found.record = record.lsn;
    const left = (page + 1) * wal.pageBytes - record.lsn;
    if (left >= 24 && left < record.totalBytes && record.totalBytes < 1000 && found.crossing === 0) {
      found.crossing = record.lsn;
      found["next page"] = (page + 1) * wal.pageBytes;
    }
    return found.record > 0 && found.crossing > 0 ? "stop" : undefined;
  });
  assert.ok(found.record > 0 && found.crossing > 0);
  return found;
}

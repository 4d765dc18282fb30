import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ChecksummedBytes } from "../../src/wal/crc32c/crc32c.ts";
import { recordKinds } from "../../src/wal/describe/kinds.ts";
import { ByteWriter } from "../../src/wal/dump/byte-writer.ts";
import { writeJsonLine, writeTextLine } from "../../src/wal/dump/lines.ts";
import { localWalFiles } from "../../src/wal/files.ts";
import { TransactionTracker } from "../../src/wal/open-transactions.ts";
import { PageDecoder } from "../../src/wal/pages.ts";
import { readWal } from "../../src/wal/reader.ts";
import { openWalDirectory, type WalDirectory } from "../../src/wal/segments.ts";
import { showSegment } from "../../src/wal/show/show.ts";
import { withFolder } from "../support/folder.ts";
import { installedBinaries, withServer } from "./server.ts";
import { mixedWorkload } from "./workload.ts";

/** Of each version. More for the record: `FUZZ_RUNS=1000000 FUZZ_SEED=… node --test test/wal/fuzz.test.ts`. */
const runs = Number(process.env.FUZZ_RUNS ?? 10_000);
const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31));
const pagesEach = 4;

for (const [version, binaries] of installedBinaries())
  test(`${runs} mutations of pages of PostgreSQL ${version}: no crash, no hang, no record with a wrong checksum`, async () => {
    const { wal, content, originals } = await writtenLog(binaries);
    const random = randomNumbers(seed);
    const chunk = new ChecksummedBytes(pagesEach * wal.pageBytes);
    const window = chunk.bytes;
    const out = new ByteWriter(1024 * 1024);
    const kindOf = recordKinds(wal.version);
    const firstLsn = wal.segments[0]?.startLsn ?? 0;
    const seen = { records: 0, problems: 0, changed: 0 };
    for (let run = 0; run < runs; run++) {
      const page = random(content.length / wal.pageBytes - pagesEach);
      const startLsn = firstLsn + page * wal.pageBytes;
      window.set(content.subarray(page * wal.pageBytes, (page + pagesEach) * wal.pageBytes));
      mutate(window, content, random);
      const about = `run ${run}, seed ${seed}, page ${page}`;
      const tracker = new TransactionTracker(wal.version);
      let records = 0;
      const decoder = new PageDecoder(wal, { from: startLsn }, (record) => {
        records++;
        const bytes = record.bytes.subarray(record.offset, record.offset + record.totalBytes);
        if (originals.get(record.lsn)?.equals(bytes) !== true) {
          seen.changed++;
          assert.equal(slowChecksum(bytes), record.view.getUint32(record.offset + 20, true), about);
        }
        if (!record.decode()) record.forgetBlocks();
        if (run % 8 !== 0) return;
        tracker.visit(record);
        out.reset();
        const kind = kindOf(record.resourceManager, record.info);
        writeTextLine(record, kind, wal.version, out);
        out.reset();
        writeJsonLine(record, kind, wal.version, out);
      });
      for (let at = 0; at < window.length; at += wal.pageBytes) {
        if (decoder.page(chunk, at, startLsn + at) === undefined) continue;
        seen.problems++;
        break;
      }
      assert.ok(records <= window.length / 24, about);
      seen.records += records;
      if (run % 64 === 0) showAll(wal, window, startLsn);
    }
    assert.ok(seen.problems > runs / 4 && seen.records > runs, JSON.stringify(seen));
    if (process.env.FUZZ_RUNS !== undefined) process.stderr.write(`seed ${seed}, ${JSON.stringify(seen)}\n`);
  });

/** Whatever lies there can be shown. */
function showAll(wal: WalDirectory, window: Uint8Array, startLsn: number): void {
  const { segments: _, files: __, leftOut: ___, ...shape } = wal;
  const header = { ...shape, pageLsn: startLsn };
  showSegment({ path: "", name: "", bytes: window, header, startLsn }, undefined, 10_000);
}

async function writtenLog(binaries: string) {
  return withFolder(async (folder) => {
    let found: { wal: WalDirectory; content: Buffer; originals: Map<number, Buffer> } | undefined;
    const settings = { max_prepared_transactions: "5", wal_level: "logical", wal_keep_size: "500MB" };
    await withServer(
      binaries,
      folder,
      settings,
      async (server) => {
        await mixedWorkload(server);
        await server.kill();
        const wal = await openWalDirectory(localWalFiles(server.walDirectory));
        const originals = new Map<number, Buffer>();
        await readWal(wal, {}, ({ lsn, bytes, offset, totalBytes }) => {
          originals.set(lsn, Buffer.from(bytes.subarray(offset, offset + totalBytes)));
        });
        const content = Buffer.concat(
          await Promise.all(wal.segments.map(({ name }) => readFile(join(server.walDirectory, name)))),
        );
        await wal.files.close();
        found = { wal, content, originals };
      },
      ["--wal-segsize=1"],
    );
    assert.ok(found);
    return found;
  });
}

/** As disks, networks and people do it: a bit, some bytes, zeros, a page from elsewhere, a length. */
function mutate(window: Uint8Array, content: Buffer, random: (below: number) => number): void {
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(window.length);
    const length = Math.min(window.length - at, 1 + random(64));
    switch (random(6)) {
      case 0:
        window[at] = (window[at] as number) ^ (1 << random(8));
        break;
      case 1:
        for (let index = 0; index < length; index++) window[at + index] = random(256);
        break;
      case 2:
        window.fill(0, at, Math.min(window.length, at + 1 + random(8192)));
        break;
      case 3: {
        const page = Math.floor(at / 8192) * 8192;
        const from = random(content.length / 8192) * 8192;
        window.set(content.subarray(from, from + 8192), page);
        break;
      }
      case 4:
        // Aligned, as lengths and links are.
        new DataView(window.buffer, window.byteOffset).setUint32(at & ~7 & (window.length - 8), random(2 ** 31), true);
        break;
      default:
        // In the header of a page.
        window[Math.floor(at / 8192) * 8192 + random(24)] = random(256);
    }
  }
}

/** mulberry32 */
function randomNumbers(start: number): (below: number) => number {
  let state = start | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** A bit at a time, so that it has nothing in common with what it checks. */
function slowChecksum(record: Uint8Array): number {
  let crc = -1;
  for (const part of [record.subarray(24), record.subarray(0, 20)])
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
  return (crc ^ -1) >>> 0;
}

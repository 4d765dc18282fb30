import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import fc from "fast-check";
import { BlackstartError } from "../../src/base/error.ts";
import { localWalFiles, type WalFiles } from "../../src/wal/files.ts";
import { TransactionTracker } from "../../src/wal/open-transactions.ts";
import { readWal, type WalEnd } from "../../src/wal/reader.ts";
import { openWalDirectory } from "../../src/wal/segments.ts";
import { withFolder } from "../support/folder.ts";
import { installedBinaries, withServer } from "./server.ts";
import { mixedWorkload } from "./workload.ts";

type Place = { lsn: number; endLsn: number; bytes: Buffer };

const binaries = [...installedBinaries()][0];
const skip = binaries === undefined ? "no PostgreSQL server binaries" : false;
const files = new Map<string, Uint8Array>();
let whole: { end: WalEnd; records: readonly Place[]; start: number };

before(async () => {
  if (binaries === undefined) return;
  await withFolder((folder) =>
    withServer(
      binaries[1],
      folder,
      { max_prepared_transactions: "5", wal_keep_size: "500MB" },
      async (server) => {
        await mixedWorkload(server);
        await server.kill();
        for (const { name } of await localWalFiles(server.walDirectory).list())
          files.set(name, await readFile(join(server.walDirectory, name)));
      },
      ["--wal-segsize=1"],
    ),
  );
  const records: Place[] = [];
  const wal = await openWalDirectory(memoryFiles(files));
  const end = await readWal(wal, {}, (record) => {
    const { lsn, endLsn, bytes, offset, totalBytes } = record;
    records.push({ lsn, endLsn, bytes: Buffer.from(bytes.subarray(offset, offset + totalBytes)) });
  });
  whole = { end, records, start: wal.segments[0]?.startLsn ?? 0 };
});

test("where a server was killed is the end of the log, not damage", { skip }, () => {
  assert.equal(whole.end.kind, "end");
  assert.ok(whole.records.length > 3000);
});

test("no damage makes it crash, hang or accept a record that was not written", { skip }, async () => {
  const originals = new Map(whole.records.map((record) => [record.lsn, record.bytes]));
  const names = [...files.keys()].filter((name) => /^[0-9A-F]{24}$/.test(name));
  const mutation = fc.record({
    name: fc.constantFrom(...names),
    at: fc.nat(2 ** 20 - 1),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 5 }), async (mutations) => {
      const damaged = new Map(files);
      for (const { name, at, bytes } of mutations) {
        const copy = Uint8Array.from(damaged.get(name) as Uint8Array);
        copy.set(bytes.subarray(0, copy.length - at), at);
        damaged.set(name, copy);
      }
      try {
        const wal = await openWalDirectory(memoryFiles(damaged));
        const tracker = new TransactionTracker(wal.version);
        await readWal(wal, {}, (record) => {
          const original = originals.get(record.lsn);
          const bytes = record.bytes.subarray(record.offset, record.offset + record.totalBytes);
          assert.ok(original?.equals(bytes), `a record at ${record.lsn} that was not written`);
          tracker.visit(record);
        });
        tracker.summary();
      } catch (error) {
        if (!(error instanceof BlackstartError)) throw error;
      }
    }),
    { numRuns: 60 },
  );
});

test("a record damaged in the middle is found, at its place, and told from the end", { skip }, async () => {
  const { records } = whole;
  for (const part of [0.1, 0.5, 0.9]) {
    const victim = records[Math.floor(records.length * part)] as Place;
    const { read } = await readDamaged(victim.lsn, (bytes, at) => bytes.fill(0, at, at + 4));
    assert.equal(read.kind, "damage");
    assert.equal(read.lsn, victim.lsn);
    assert.ok((read.resumesAt ?? 0) > victim.lsn);
    assert.match(read.reason, /invalid record length/);
  }
});

test("one flipped bit within a record is a wrong checksum", { skip }, async () => {
  const victim = whole.records[1000] as Place;
  const { read } = await readDamaged(victim.lsn, (bytes, at) => {
    bytes[at + 20] = (bytes[at + 20] as number) ^ 1;
  });
  assert.deepEqual([read.kind, read.lsn], ["damage", victim.lsn]);
  assert.match(read.reason, /incorrect resource manager data checksum/);
});

test("a page that was never written, in the middle, is damage", { skip }, async () => {
  const page = Math.floor(((whole.records[1500] as Place).lsn + 8192) / 8192) * 8192;
  const { read } = await readDamaged(page, (bytes, at) => bytes.fill(0, at, at + 8192));
  assert.equal(read.kind, "damage");
  assert.ok(read.lsn <= page && read.lsn > page - 200_000);
  assert.equal(read.resumesAt, page + 8192);
});

test("the last record torn off is an end", { skip }, async () => {
  const last = whole.records.at(-1) as Place;
  const { read } = await readDamaged(last.lsn, (bytes, at) => bytes.fill(0, at + 8, at + 24));
  assert.deepEqual([read.kind, read.lsn], ["end", last.lsn]);
});

test("a file cut short is an end within it, and damage when others follow", { skip }, async () => {
  const wal = await openWalDirectory(memoryFiles(files));
  const [first] = wal.segments;
  const cut = new Map(files);
  cut.set(first?.name as string, (files.get(first?.name as string) as Uint8Array).subarray(0, 100_000));
  const read = await readWal(await openWalDirectory(memoryFiles(cut)), {}, () => undefined);
  assert.equal(read.kind, "damage");
  assert.match(read.reason, /cut short/);
});

test("from and to bound what is read", { skip }, async () => {
  const wal = await openWalDirectory(memoryFiles(files));
  const [from, to] = [whole.records[700]?.lsn as number, whole.records[900]?.lsn as number];
  const seen: number[] = [];
  const read = await readWal(wal, { from, to }, (record) => void seen.push(record.lsn));
  assert.deepEqual(
    seen,
    whole.records.slice(700, 900).map(({ lsn }) => lsn),
  );
  assert.deepEqual([read.kind, read.lsn], ["asked", to]);
});

test("the log of another version is refused by name", { skip }, async () => {
  const old = new Map([...files].map(([name, bytes]) => [name, Uint8Array.from(bytes)]));
  const setMagic = (magic: number) => {
    for (const bytes of old.values())
      for (let at = 0; at + 2 <= bytes.length; at += 8192) new DataView(bytes.buffer).setUint16(at, magic, true);
  };
  setMagic(0xd07e);
  await assert.rejects(openWalDirectory(memoryFiles(old)), /is write-ahead log of PostgreSQL 9\.4/);
  setMagic(0xbeef);
  await assert.rejects(openWalDirectory(memoryFiles(old)), /is no write-ahead log/);
  await assert.rejects(openWalDirectory(memoryFiles(new Map())), /No write-ahead log in use/);
});

async function readDamaged(lsn: number, damage: (bytes: Uint8Array, at: number) => void) {
  const original = await openWalDirectory(memoryFiles(files));
  const segment = original.segments.find((each) => lsn < each.startLsn + original.segmentBytes);
  assert.ok(segment);
  const copy = Uint8Array.from(files.get(segment.name) as Uint8Array);
  damage(copy, lsn - segment.startLsn);
  const wal = await openWalDirectory(memoryFiles(new Map([...files, [segment.name, copy]])));
  return { read: await readWal(wal, {}, () => undefined) };
}

function memoryFiles(content: ReadonlyMap<string, Uint8Array>): WalFiles {
  return {
    place: "memory",
    list: async () => [...content].map(([name, bytes]) => ({ name, bytes: bytes.length })),
    async read(name, offset, into) {
      const part = (content.get(name) as Uint8Array).subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    text: async (name) => Buffer.from(content.get(name) as Uint8Array).toString(),
    close: async () => undefined,
  };
}

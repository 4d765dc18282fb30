import assert from "node:assert/strict";
import { copyFile, cp, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { BlackstartError } from "../../../src/base/error.ts";
import { crc32c } from "../../../src/wal/crc32c/crc32c.ts";
import { damaged, planDamage } from "../../../src/wal/damage/damage.ts";
import { dumpWal, type DumpRequest } from "../../../src/wal/dump/dump.ts";
import { relationQuery, resourceManagerQuery } from "../../../src/wal/dump/query.ts";
import { kindCounts } from "../../../src/wal/dump/stats.ts";
import { localWalFiles } from "../../../src/wal/files.ts";
import { segmentNameOf } from "../../../src/wal/format.ts";
import { openWalDirectory } from "../../../src/wal/segments.ts";
import { readSegment, recordBytes } from "../../../src/wal/show/segment-bytes.ts";
import { withFolder } from "../../support/folder.ts";
import { installedBinaries, withServer } from "../server.ts";
import { mixedWorkload } from "../workload.ts";

const [version = 0, binaries] = [...installedBinaries()][0] ?? [];
const skip = binaries === undefined ? "no PostgreSQL server binaries" : false;
let release = () => {};
let wal = "";
let names: readonly string[] = [];
let whole: Dump;

/** Log enough for several threads, of a server that was killed; kept until all tests have run. */
before(async () => {
  if (binaries === undefined) return;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const { promise: made, resolve: isMade } = Promise.withResolvers<void>();
  const kept = withFolder(async (folder) => {
    await withServer(
      binaries,
      folder,
      { max_prepared_transactions: "5", wal_keep_size: "500MB", wal_level: "logical" },
      async (server) => {
        await mixedWorkload(server);
        await server.query(
          "select pg_logical_emit_message(false, 'x', repeat('x', 90000)) from generate_series(1, 250)",
        );
        const open = await server.connect();
        await open.query("begin; insert into t (body) values ('never committed')");
        await server.query("insert into t (body) values ('committed')");
        await server.kill();
        wal = join(folder, "wal");
        await cp(server.walDirectory, wal, { recursive: true });
      },
      ["--wal-segsize=1"],
    );
    const directory = await openWalDirectory(localWalFiles(wal));
    names = directory.segments.map(({ name }) => name);
    await directory.files.close();
    whole = await dump({ paths: [wal], query: { limit: 1e9 } });
    isMade();
    await over;
  });
  release = resolve;
  await Promise.race([made, kept]);
});
after(() => release());

type Dump = Awaited<ReturnType<typeof dump>>;

async function dump(request: Partial<DumpRequest> & Pick<DumpRequest, "paths">) {
  let text = "";
  const dumped = await dumpWal({ format: "text", query: {}, threads: 3, ...request }, async (lines) => {
    text += Buffer.from(lines).toString();
    return new Uint8Array(lines.buffer);
  });
  return { ...dumped, lines: text.split("\n").slice(0, -1) };
}

test("several threads give the same lines in the same order as one", { skip }, async () => {
  const threads = await dump({ paths: [wal] });
  assert.ok(names.length > 16 && whole.lines.length > 3000);
  assert.deepEqual(threads.lines, whole.lines);
  assert.deepEqual(threads.end, whole.end);
  assert.equal(threads.end.kind, "end");
  assert.equal(threads.records, threads.lines.length);
});

test("a hole in the middle ends both at the same place", { skip }, () =>
  withCopy(async (folder) => {
    const file = join(folder, names[12] as string);
    await writeFile(file, (await readFile(file)).fill(0, 500_000, 520_000));
    const threads = await dump({ paths: [folder] });
    assert.equal(threads.end.kind, "damage");
    const one = await dump({ paths: [folder], query: { limit: 1e9 } });
    assert.deepEqual([threads.lines, threads.end], [one.lines, one.end]);
  }),
);

test("a stretch that does not belong behind the one before it is found out", { skip }, () =>
  withCopy(async (folder) => {
    // The first record of a stretch names another predecessor, with a right checksum: by itself nothing is wrong.
    const all = await openWalDirectory(localWalFiles(folder));
    const boundary = all.segments.findIndex((_, index) => index === 16);
    await all.files.close();
    const file = join(folder, names[boundary] as string);
    const segment = await readSegment(file);
    const first = whole.lines.map((line) => lsnOf(line)).find((lsn) => lsn > segment.startLsn) as number;
    const link = damaged(segment.bytes, planDamage(segment, { lsn: first, field: "xl_prev", value: "0/28" }));
    const { bytes } = recordBytes({ ...segment, bytes: link }, first);
    const right = String(crc32c(bytes.subarray(24), bytes.subarray(0, 20)));
    await writeFile(
      file,
      damaged(link, planDamage({ ...segment, bytes: link }, { lsn: first, field: "xl_crc", value: right })),
    );
    const threads = await dump({ paths: [folder] });
    assert.match(threads.end.reason, /incorrect prev-link 0\/28/);
    assert.deepEqual(threads.lines, whole.lines.slice(0, threads.lines.length));
    assert.equal(threads.end.lsn, first);
  }),
);

test("packed files, a partial one and one under a name of its own are read alike", { skip }, () =>
  withFolder(async (folder) => {
    const packings = [gzipSync, zstdCompressSync, brotliCompressSync] as const;
    const suffixes = ["-0123456789012345678901234567890123456789.gz", "", ".br"];
    for (const [index, name] of names.slice(0, 6).entries()) {
      const content = await readFile(join(wal, name));
      const pack = packings[index % 4];
      if (pack === undefined) await writeFile(join(folder, `${name}.partial`), content);
      else await writeFile(join(folder, `${name}${suffixes[index % 4]}`), pack(content));
    }
    const read = await dump({ paths: [folder] });
    assert.deepEqual(read.lines, whole.lines.slice(0, read.lines.length));
    assert.equal(read.directory.segments.length, 6);
    assert.equal(read.end.usedUp, true);
    const other = join(folder, "copy-from-support");
    await copyFile(join(wal, names[0] as string), other);
    const single = await dump({ paths: [other] });
    assert.deepEqual(single.lines, whole.lines.slice(0, single.lines.length));
  }),
);

test("a file that is cut is told from the end, packed or not", { skip }, () =>
  withFolder(async (folder) => {
    const file = join(folder, names[0] as string);
    await copyFile(join(wal, names[0] as string), file);
    await truncate(file, 300_001);
    const cut = await dump({ paths: [file] });
    assert.deepEqual([cut.end.kind, cut.lines.length > 10], ["cut", true]);
    assert.match(cut.end.reason, /is cut short: it has 300001 bytes instead of 1048576/);
    const packed = gzipSync(await readFile(join(wal, names[0] as string)));
    await rm(file);
    await writeFile(`${file}.gz`, packed.subarray(0, packed.length / 2));
    assert.equal((await dump({ paths: [`${file}.gz`] })).end.kind, "cut");
  }),
);

test("old log behind the end, in a file that is being used again, is no damage", { skip }, () =>
  withCopy(async (folder) => {
    const [first = "", last = ""] = [names[0], names.at(-1)];
    const [old, content] = [await readFile(join(wal, first)), await readFile(join(wal, last))];
    const endOffset = whole.end.lsn % 2 ** 20;
    for (const offset of [endOffset, Math.ceil(endOffset / 8192) * 8192]) {
      await writeFile(join(folder, last), Buffer.concat([content.subarray(0, offset), old.subarray(offset)]));
      // A file that waits to be used again lies behind it, too.
      const next = segmentNameOf(1, Math.ceil(whole.end.lsn / 2 ** 20) * 2 ** 20, 2 ** 20);
      await copyFile(join(wal, first), join(folder, next));
      const read = await dump({ paths: [folder] });
      assert.deepEqual([read.end.kind, read.end.lsn, read.lines.length], ["end", whole.end.lsn, whole.lines.length]);
    }
  }),
);

test("where a segment is missing, the newest part is read and the other named", { skip }, () =>
  withCopy(async (folder) => {
    await rm(join(folder, names[3] as string));
    const read = await dump({ paths: [folder] });
    assert.deepEqual(read.directory.leftOut, names.slice(0, 3));
    assert.equal(read.directory.segments[0]?.name, names[4]);
    const first = read.lines[0] as string;
    assert.deepEqual(read.lines, whole.lines.slice(whole.lines.indexOf(first)));
  }),
);

test("filters choose, stats count, open names who did not commit", { skip }, async () => {
  const heap = await dump({ paths: [wal], query: { resourceManagers: [resourceManagerQuery("heap")] } });
  assert.deepEqual(
    heap.lines,
    whole.lines.filter((line) => / Heap [A-Z]/.test(line)),
  );
  const xid = Number(/xid (\d+)/.exec(heap.lines.at(-1) as string)?.[1]);
  const mine = await dump({ paths: [wal], query: { xids: [xid] } });
  assert.deepEqual(
    mine.lines,
    whole.lines.filter((line) => line.includes(` xid ${xid} `)),
  );
  const relation = /rel (\S+) /.exec(heap.lines.at(-1) as string)?.[1] as string;
  const touched = await dump({ paths: [wal], query: { relations: [relationQuery(relation)] } });
  assert.deepEqual(
    touched.lines,
    whole.lines.filter((line) => line.includes(`rel ${relation} `)),
  );
  const middle = lsnOf(whole.lines[2000] as string);
  assert.deepEqual((await dump({ paths: [wal], query: { from: middle } })).lines, whole.lines.slice(2000));
  assert.deepEqual((await dump({ paths: [wal], query: { to: middle } })).lines, whole.lines.slice(0, 2000));
  assert.deepEqual((await dump({ paths: [wal], query: { limit: 7 } })).lines, whole.lines.slice(0, 7));

  const stats = await dump({ paths: [wal], format: "stats" });
  const kinds = kindCounts(stats.counts, stats.directory.version);
  assert.equal(
    kinds.reduce((sum, { records }) => sum + records, 0),
    whole.lines.length,
  );
  assert.equal(
    kinds.reduce((sum, { bytes }) => sum + bytes, 0),
    whole.bytes,
  );
  assert.deepEqual(stats.lines, []);

  const { open } = await dump({ paths: [wal], format: "open" });
  assert.equal(open?.transactions.length, 1);
  assert.equal(open?.transactions[0]?.xid, xid - 1);
});

test("a line of JSON is valid whatever a client has called things", { skip }, async () => {
  const { lines } = await dump({ paths: [wal], format: "json" });
  const parsed = lines.map((line) => JSON.parse(line));
  assert.equal(parsed.length, whole.lines.length);
  assert.ok(parsed.some(({ description }) => description.includes('gid "kept one"')));
  assert.ok(parsed.every(({ lsn, blocks }) => /^\w+\/\w+$/.test(lsn) && Array.isArray(blocks)));
});

test("what cannot be read is refused by name, with exit code 2", { skip }, () =>
  withFolder(async (folder) => {
    const file = join(folder, names[0] as string);
    const refused = async (content: Uint8Array, pattern: RegExp) => {
      await writeFile(file, content);
      await assert.rejects(dump({ paths: [file] }), (error: BlackstartError) => {
        assert.ok(error instanceof BlackstartError);
        assert.deepEqual(
          [error.exitCode, pattern.test(`${error.message} ${error.why} ${error.next}`)],
          [2, true],
          error.message,
        );
        return true;
      });
    };
    const segment = await readFile(join(wal, names[0] as string));
    for (const [magic, text] of [
      [0xd07e, "9.4"],
      [0xd093, "9.6"],
      [0xd097, "10"],
      [0xd098, "11"],
      [0xd101, "12"],
      [0xd11f, "19 or newer"],
    ] as const) {
      const old = Buffer.from(segment);
      for (let at = 0; at < old.length; at += 8192) old.writeUInt16LE(magic, at);
      await refused(old, new RegExp(`is write-ahead log of PostgreSQL ${text.replace(".", "\\.")}\\.`));
    }
    await refused(Buffer.alloc(0), /is empty/);
    await refused(Buffer.from("-- dump\n".repeat(50)), /is no write-ahead log/);
    await refused(Buffer.from([0x04, 0x22, 0x4d, 0x18, 1, 2, 3]), /packed with lz4.*lz4 --decompress/);
    await refused(Buffer.concat([gzipSync(segment).subarray(0, 10), Buffer.alloc(300, 0xff)]), /cannot be unpacked/);
    await refused(Buffer.alloc(1024 * 1024), /No write-ahead log in use/);
    await refused(await readFile(join(wal, names[1] as string)), /holds no log of its own/);
    await assert.rejects(dump({ paths: [join(folder, "nowhere")] }), /no such file/);
    // A damaged first page does not hide what the second one says.
    const page = Buffer.from(segment);
    page.writeUInt16LE(0xbeef, 0);
    await writeFile(file, page);
    const read = await dump({ paths: [file] });
    assert.match(read.end.reason, /invalid magic number BEEF/);
    assert.equal(read.end.kind, "damage");
    assert.equal(read.directory.version, version);
  }),
);

function lsnOf(line: string): number {
  const [high = "", low = ""] = (line.split(" ")[0] as string).split("/");
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}

async function withCopy(use: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const copy = join(folder, "wal");
    await mkdir(copy);
    for (const name of names) await copyFile(join(wal, name), join(copy, name));
    await use(copy);
  });
}

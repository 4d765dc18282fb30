import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../../../src/wal/crc32c/crc32c.ts";
import { readSegment, type SegmentBytes } from "../../../src/wal/show/segment-bytes.ts";
import { type ShownPart, showSegment } from "../../../src/wal/show/show.ts";
import { withFolder } from "../../support/folder.ts";
import { installedBinaries, withServer } from "../server.ts";
import { mixedWorkload } from "../workload.ts";
import { join } from "node:path";
import { readdir } from "node:fs/promises";

for (const [version, binaries] of installedBinaries())
  test(`every byte of a segment of PostgreSQL ${version} is shown once, under one name`, () =>
    withSegment(binaries, (segment) => {
      const parts = showSegment(segment, undefined, 100_000);
      const shown = new Uint8Array(segment.bytes.length);
      for (const part of parts) {
        for (const { at, length } of part.spans)
          for (let byte = at; byte < at + length; byte++) shown[byte] = (shown[byte] as number) + 1;
        const names = part.fields.map(({ name }) => name).filter((name) => !/padding/.test(name));
        assert.equal(new Set(names).size, names.length, `${part.title}: ${names.join(" ")}`);
        const length = part.fields.reduce((sum, { bytes }) => sum + bytes.length, 0);
        assert.equal(
          length,
          part.spans.reduce((sum, span) => sum + span.length, 0),
          part.title,
        );
        if (part.wrong === undefined)
          assert.deepEqual(
            part.fields.filter(({ isWrong }) => isWrong),
            [],
          );
      }
      assert.ok(!shown.some((times) => times > 1));
      const records = parts.filter(({ kind }) => kind === "record");
      assert.ok(records.length > 300);
      for (const record of records.slice(0, -1)) {
        const bytes = Buffer.concat(record.fields.map((field) => field.bytes));
        assert.equal(crc32c(bytes.subarray(24), bytes.subarray(0, 20)), bytes.readUInt32LE(20));
      }
      // Any place within a record shows that record; within a page header that header.
      const crossing = records.find(({ spans }) => spans.length > 1) as ShownPart;
      const second = crossing.spans[1]?.at ?? 0;
      const at = (offset: number) => showSegment(segment, segment.startLsn + offset, 1);
      assert.equal(at(second).find(({ kind }) => kind === "record")?.lsn, crossing.lsn);
      assert.deepEqual(
        at(second - 4)
          .map(({ kind }) => kind)
          .slice(0, 2),
        ["page", "record"],
      );
      assert.throws(() => showSegment(segment, segment.startLsn + segment.bytes.length, 1), /does not lie in/);
    }));

async function withSegment(binaries: string, use: (segment: SegmentBytes) => void): Promise<void> {
  await withFolder((folder) =>
    withServer(
      binaries,
      folder,
      { max_prepared_transactions: "5", wal_keep_size: "500MB" },
      async (server) => {
        await mixedWorkload(server);
        await server.kill();
        const names = (await readdir(server.walDirectory)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
        use(await readSegment(join(server.walDirectory, names[1] as string)));
      },
      ["--wal-segsize=1"],
    ),
  );
}

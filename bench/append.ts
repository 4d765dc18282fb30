import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteTimeline } from "../src/timeline/sqlite/store.ts";
import type { Timeline } from "../src/timeline/timeline.ts";
import { type BenchRow, median } from "./bench.ts";

const rounds = 12;
const sliceMs = 120;

/**
 * Durable appends a second, against the disk's own rate: write 4 KiB, fdatasync, again, into blocks that are allocated
 * already, which is the fastest that the disk can be asked for. The slices of one round follow each other, so a
 * disturbance hits all of them; the ratio is the median over the rounds.
 */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), "blackstart-bench-"));
  const timeline = await openSqliteTimeline(join(folder, "timeline.db"));
  try {
    const disk = createDisk(join(folder, "plain"));
    const rates: { disk: number; one: number; many: number }[] = [];
    await appendRate(timeline, 64);
    for (let round = 0; round < rounds; round += 1) {
      rates.push({ disk: disk.rate(), one: await appendRate(timeline, 1), many: await appendRate(timeline, 64) });
    }
    disk.close();
    return [
      row(
        "one writer",
        0.8,
        rates.map((rate) => [rate.one, rate.disk]),
      ),
      row(
        "64 writers",
        10,
        rates.map((rate) => [rate.many, rate.disk]),
      ),
    ];
  } finally {
    await timeline.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function row(name: string, goal: number, pairs: readonly (readonly [number, number])[]): BenchRow {
  const ratio = median(pairs.map(([measured, against]) => measured / against));
  return {
    name: `durable appends, ${name}`,
    measured: `${Math.round(median(pairs.map(([measured]) => measured)))}/s`,
    against: `write 4 KiB + fdatasync: ${Math.round(median(pairs.map(([, against]) => against)))}/s`,
    ratio,
    goal: `≥ ${goal} ×`,
    met: ratio >= goal,
  };
}

function createDisk(path: string): { rate(): number; close(): void } {
  const page = Buffer.alloc(4096, 1);
  const pages = 1_000;
  const file = openSync(path, "w");
  for (let index = 0; index < pages; index += 1) writeSync(file, page);
  fdatasyncSync(file);
  let next = 0;
  return {
    rate: () => {
      const startedAt = performance.now();
      let count = 0;
      while (performance.now() - startedAt < sliceMs) {
        writeSync(file, page, 0, page.length, (next++ % pages) * page.length);
        fdatasyncSync(file);
        count += 1;
      }
      return count / ((performance.now() - startedAt) / 1000);
    },
    close: () => closeSync(file),
  };
}

/** Each writer appends to a stream of its own and waits for each append. */
async function appendRate(timeline: Timeline, writers: number): Promise<number> {
  const startedAt = performance.now();
  let count = 0;
  const write = async (writer: number): Promise<void> => {
    while (performance.now() - startedAt < sliceMs) {
      const data = { cluster: "ledger", node: `pg${writer}`, count };
      await timeline.append(`bench/${writer}`, "any", [{ kind: "bench.appended", by: "bench", data }]);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return count / ((performance.now() - startedAt) / 1000);
}

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installedBinaries, withServer } from "../test/wal/server.ts";
import { type BenchRow, median } from "./bench.ts";

const rounds = 7;
const logMiB = 256;
const program = join(import.meta.dirname, "..", "bin", "blackstart.mjs");

/**
 * `wal dump` of 256 MiB of log, text and `--stats`, against pg_waldump on the same files, page cache warm, output to
 * /dev/null, checksums checked by both. Whole processes from their start to their end, taking turns.
 */
export async function run(): Promise<BenchRow[]> {
  const binaries = [...installedBinaries().values()].find((directory) => existsSync(join(directory, "pg_waldump")));
  if (binaries === undefined) throw new Error("no PostgreSQL with a pg_waldump is installed");
  const folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), "blackstart-bench-"));
  try {
    const log = join(folder, "wal");
    await writeLog(binaries, folder, log);
    const names = (await readdir(log)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
    const files = names.slice(0, logMiB / 16);
    const last = files.at(-1) ?? "";
    const theirs = [join(binaries, "pg_waldump"), "-p", log, files[0] ?? "", last];
    const ours = [process.execPath, program, "wal", "dump", ...files.map((name) => join(log, name))];
    return [
      await compared("wal dump, text", 1, ours, theirs),
      await compared("wal dump --stats", 0.3, [...ours, "--stats"], [...theirs, "--stats"]),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Small transactions over a table of 2 million rows with two indexes, as pgbench's, and one checkpoint in the middle. */
async function writeLog(binaries: string, folder: string, log: string): Promise<void> {
  await withServer(binaries, folder, { wal_keep_size: "2GB", max_wal_size: "4GB" }, async (server) => {
    await server.query(
      "create table accounts (id int primary key, branch int, balance int, filler char(84)); create index on accounts (branch)",
    );
    const fill = "insert into accounts select g, g % 100, 0, '' from generate_series($1::int, $2::int) g";
    for (let from = 1; ; from += 50_000) {
      await server.query(fill, [from, from + 49_999]);
      await server.query("update accounts set balance = balance + 1 where id % 40 = $1", [from % 40]);
      if (from === 200_001) await server.query("checkpoint");
      const [row] = await server.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/1000000') / 1048576 as mib");
      if (Number(row?.mib) > logMiB + 32) break;
    }
    await server.stop("fast");
    await cp(server.walDirectory, log, { recursive: true });
  });
}

async function compared(name: string, goal: number, ours: string[], theirs: string[]): Promise<BenchRow> {
  // Once before, so that both find their files in memory and we our code compiled.
  await timed(ours);
  await timed(theirs);
  const times: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round += 1) times.push({ ours: await timed(ours), theirs: await timed(theirs) });
  const ratio = median(times.map((time) => time.theirs / time.ours));
  const speed = (ms: number) => `${Math.round(logMiB / (ms / 1000))} MiB/s`;
  return {
    name: `${name}, ${logMiB} MiB`,
    measured: speed(median(times.map((time) => time.ours))),
    against: `pg_waldump: ${speed(median(times.map((time) => time.theirs)))}`,
    ratio,
    goal: `≥ ${goal} ×`,
    met: ratio >= goal,
  };
}

/** Milliseconds. pg_waldump ends with 1 where the log does. */
function timed([file = "", ...args]: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "ignore", "ignore"] });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code !== 0 && code !== 1) reject(new Error(`${file} ended with ${code}`));
      else resolve(performance.now() - startedAt);
    });
  });
}

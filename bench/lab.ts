import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { withConnection } from "../src/drivers/postgres/connection.ts";
import { serverAccount, spawnAs } from "../src/lab/account.ts";
import { findBinaries } from "../src/lab/binaries.ts";
import { createLab } from "../src/lab/create.ts";
import { send } from "../src/lab/signals.ts";
import { claimPorts, releasePorts } from "../src/lab/ports.ts";
import { serverProcessesIn } from "../src/lab/processes.ts";
import { primaryReady, standbyStreams, startServer } from "../src/lab/server-start.ts";
import { type BenchRow, median } from "./bench.ts";

const trials = 20;
const trialsByHand = 3;
const goalMs = 300;

/** A fresh cluster of three from the template, until the first synchronous commit is through. With fsync, as users have it. */
export async function run(): Promise<BenchRow[]> {
  // The template is made once for each PostgreSQL and is no part of the figure.
  await freshClusterMs();
  const measured: number[] = [];
  for (let trial = 0; trial < trials; trial++) measured.push(await freshClusterMs());
  const middle = median(measured);
  const { directory } = await findBinaries();
  const byHand = existsSync(join(directory, "pg_basebackup")) ? await byHandMs(directory) : undefined;
  return [
    {
      name: "fresh 3-node cluster, first synchronous commit",
      measured: `${middle.toFixed(0)} ms (median of ${trials}, ${Math.min(...measured).toFixed(0)} to ${Math.max(...measured).toFixed(0)})`,
      against:
        byHand === undefined
          ? "initdb and pg_basebackup: not installed"
          : `initdb, pg_basebackup twice, start: median ${byHand.toFixed(0)} ms of ${trialsByHand}`,
      ...(byHand === undefined ? {} : { ratio: byHand / middle }),
      goal: `≤ ${goalMs} ms`,
      met: middle <= goalMs,
    },
  ];
}

async function freshClusterMs(): Promise<number> {
  const start = performance.now();
  const lab = await createLab();
  try {
    await firstWrite(lab.node("pg1").url);
    return performance.now() - start;
  } finally {
    await lab.down();
  }
}

async function firstWrite(url: string): Promise<void> {
  await withConnection(url, {}, (connection) => connection.query("create table first_write as select 1"));
}

/** Until the first synchronous commit of a cluster made with the programs that come with PostgreSQL. */
export async function byHandMs(binaries: string): Promise<number> {
  const measured: number[] = [];
  for (let trial = 0; trial < trialsByHand; trial++) measured.push(await clusterByHandMs(binaries));
  return median(measured);
}

/** The same cluster as the manual has it made, the standbys at the same time. */
async function clusterByHandMs(binaries: string): Promise<number> {
  const folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), "blackstart-bench-"));
  const account = serverAccount();
  if (account !== undefined) await chown(folder, account.uid, account.gid);
  await chmod(folder, 0o755);
  const ports = await claimPorts(3, folder);
  const run = (program: string, ...args: string[]) =>
    promisify(execFile)(join(binaries, program), args, spawnAs(account));
  const place = (name: string) => ({ name, binaries, dataDirectory: join(folder, name) });
  const limit = { timeoutMs: 30_000, signal: AbortSignal.timeout(60_000) };
  const settings = (port: number | undefined) =>
    `\nport = ${port}\nunix_socket_directories = ''\ndynamic_shared_memory_type = mmap\nwal_keep_size = 256MB\n`;
  try {
    const start = performance.now();
    await run("initdb", "-D", join(folder, "pg1"), "-A", "trust", "-U", "blackstart");
    await appendFile(
      join(folder, "pg1", "postgresql.conf"),
      `${settings(ports[0])}synchronous_standby_names = 'pg2'\n`,
    );
    await startServer(place("pg1"), primaryReady, limit);
    await Promise.all(
      ["pg2", "pg3"].map(async (name, at) => {
        const source = `host=127.0.0.1 port=${ports[0]} user=blackstart application_name=${name}`;
        await run("pg_basebackup", "-D", join(folder, name), "-d", source, "-R", "-c", "fast");
        await appendFile(join(folder, name, "postgresql.conf"), settings(ports[at + 1]));
        await startServer(place(name), standbyStreams, limit);
      }),
    );
    await firstWrite(`postgres://blackstart@127.0.0.1:${ports[0]}/postgres`);
    return performance.now() - start;
  } finally {
    for (const { pid } of serverProcessesIn(folder)) send(pid, "SIGKILL");
    releasePorts(ports, folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

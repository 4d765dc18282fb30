import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { delay, pollUntil } from "../src/base/time.ts";
import { connect } from "../src/drivers/postgres/connection.ts";
import { createLab } from "../src/lab/create.ts";
import type { Lab } from "../src/lab/lab.ts";
import type { BenchRow } from "./bench.ts";

const warmUpMs = 20_000;
const windowMs = 10_000;
const ticksPerSecond = 100; // USER_HZ, the same on every Linux that Node runs on (proc_pid_stat(5))

/** What `up` takes while nothing happens on three nodes: memory, processor, connections, queries. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-idle-"));
  await chmod(folder, 0o755);
  let lab: Lab | undefined;
  let child: ChildProcess | undefined;
  try {
    lab = await createLab({ home: folder });
    child = await startUp(lab.systemFile, folder);
    // The health checks have had their first turn by then, and the garbage of the start is collected.
    await delay(warmUpMs);
    return await weigh(child.pid as number, lab);
  } finally {
    const exited = child === undefined ? undefined : new Promise((resolve) => child?.once("exit", resolve));
    child?.kill("SIGKILL");
    await exited;
    await lab?.down();
    await rm(folder, { recursive: true, force: true });
  }
}

async function startUp(systemFile: string, home: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("./idle-up.ts", import.meta.url));
  const port = 12_000 + Math.floor(Math.random() * 20_000);
  const child = spawn(process.execPath, [script, systemFile, home, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout?.on("data", (part) => {
    output += part;
  });
  const started = await pollUntil(async () => (output.includes("http") || child.exitCode !== null ? true : undefined), {
    everyMs: 50,
    timeoutMs: 30_000,
  });
  if (started !== true || child.exitCode !== null) {
    child.kill("SIGKILL");
    throw new Error("up did not start");
  }
  return child;
}

async function weigh(pid: number, lab: Lab): Promise<BenchRow[]> {
  const before = await Promise.all([cpuSeconds(pid), ...lab.nodes.map(({ url }) => transactions(url))]);
  const started = performance.now();
  await delay(windowMs);
  const seconds = (performance.now() - started) / 1000;
  const after = await Promise.all([cpuSeconds(pid), ...lab.nodes.map(({ url }) => transactions(url))]);
  const rates = after.map((value, index) => (value - (before[index] ?? 0)) / seconds);
  const [core = 0, ...queries] = rates;
  const connections = await Promise.all(lab.nodes.map(({ url }) => connectionsOf(url)));
  const memory = await residentMebibytes(pid);
  const [mostQueries, mostConnections] = [Math.max(...queries), Math.max(...connections)];
  const against = "the goal itself; no other tool does all of this";
  return [
    {
      name: "up, idle on 3 nodes: memory",
      measured: `${memory.toFixed(0)} MiB`,
      against,
      goal: "≤ 150 MiB",
      met: memory <= 150,
    },
    {
      name: "up, idle: processor",
      measured: `${(core * 100).toFixed(1)} % of a core`,
      against,
      goal: "≤ 2 %",
      met: core <= 0.02,
    },
    {
      name: "up, idle: connections a node",
      measured: `${mostConnections}`,
      against,
      goal: "1",
      met: mostConnections <= 1,
    },
    {
      name: "up, idle: queries a node",
      measured: `${mostQueries.toFixed(1)}/s`,
      against,
      goal: "≤ 5/s",
      met: mostQueries <= 5,
    },
  ];
}

async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

async function residentMebibytes(pid: number): Promise<number> {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) / 1024;
}

/** Each query outside a transaction is one; our own two are taken off by the difference of two readings. */
async function transactions(url: string): Promise<number> {
  const connection = await connect(url, { applicationName: "bench" });
  try {
    const [row] = await connection.query<{ count: string }>(
      "select sum(xact_commit + xact_rollback)::text as count from pg_stat_database",
    );
    return Number(row?.count);
  } finally {
    await connection.close();
  }
}

async function connectionsOf(url: string): Promise<number> {
  const connection = await connect(url, { applicationName: "bench" });
  try {
    const [row] = await connection.query<{ count: string }>(
      "select count(*)::text as count from pg_stat_activity where application_name like 'blackstart%' and backend_type = 'client backend'",
    );
    return Number(row?.count);
  } finally {
    await connection.close();
  }
}

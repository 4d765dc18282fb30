import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay, pollUntil } from "../src/base/time.ts";
import { withConnection } from "../src/drivers/postgres/connection.ts";
import { createLab } from "../src/lab/create.ts";
import type { Lab } from "../src/lab/lab.ts";
import { logFileOf } from "../src/lab/server-start.ts";
import type { BenchRow } from "./bench.ts";

const program = join(import.meta.dirname, "..", "bin", "blackstart.mjs");
const warmUpMs = 20_000;
const windowMs = 15_000;
const ticksPerSecond = 100; // USER_HZ, the same on every Linux that Node runs on (proc_pid_stat(5))

/** What `blackstart up` takes while nothing happens on three nodes: memory, processor, connections, queries. */
export async function run(): Promise<BenchRow[]> {
  const home = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), "blackstart-bench-"));
  // The account that runs the servers, where we are root, must be able to enter it.
  await chmod(home, 0o755);
  // Its queries are counted in the servers' logs: their statistics are told with a delay of their own choice.
  const lab = await createLab({ home, settings: { log_statement: "all" } });
  try {
    // The first start compiles the sources; every later one finds them compiled.
    await withUp(lab, home, async () => undefined);
    return await withUp(lab, home, async (pid) => {
      // The health checks have had their first turn by then, and the garbage of the start is collected.
      await delay(warmUpMs);
      return weigh(pid, lab);
    });
  } finally {
    await lab.down();
    await rm(home, { recursive: true, force: true });
  }
}

async function withUp<T>(lab: Lab, home: string, use: (pid: number) => Promise<T>): Promise<T> {
  const args = ["--file", lab.systemFile, "--home", home, "up", "--port", "0"];
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  try {
    await serving(child);
    return await use(child.pid as number);
  } finally {
    child.kill("SIGTERM");
    await exited;
  }
}

async function serving(child: ChildProcess): Promise<void> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (said += part));
  const state = await pollUntil(
    async () => (child.exitCode !== null ? "ended" : said.includes("http://") ? "serving" : undefined),
    { everyMs: 20, timeoutMs: 30_000 },
  );
  if (state !== "serving") throw new Error(`up did not start: ${said}`);
}

async function weigh(pid: number, lab: Lab): Promise<BenchRow[]> {
  const before = { cpu: await cpuSeconds(pid), nodes: await countsOf(lab) };
  const startedMs = performance.now();
  await delay(windowMs);
  const seconds = (performance.now() - startedMs) / 1000;
  const after = { cpu: await cpuSeconds(pid), nodes: await countsOf(lab) };
  const core = (100 * (after.cpu - before.cpu)) / seconds;
  const queries = Math.max(
    ...after.nodes.map((node, at) => (node.queries - (before.nodes[at]?.queries ?? 0)) / seconds),
  );
  const connections = Math.max(...after.nodes.map((node) => node.connections));
  const memory = await residentMebibytes(pid);
  const row = (what: string, measured: string, goal: string, met: boolean): BenchRow => {
    return { name: `up, idle on 3 nodes: ${what}`, measured, against: "a machine without it: 0", goal, met };
  };
  return [
    row("resident memory", `${memory.toFixed(0)} MiB`, "≤ 150 MiB", memory <= 150),
    row("processor", `${core.toFixed(1)} % of a core`, "≤ 2 %", core <= 2),
    row("connections", `${connections} a node`, "1 a node", connections === 1),
    row("queries", `${queries.toFixed(1)}/s a node`, "≤ 5/s a node", queries <= 5),
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

/** Sessions of Blackstart on each node, and what they have asked, as the server's log counts it. */
async function countsOf(lab: Lab): Promise<readonly { queries: number; connections: number }[]> {
  return Promise.all(
    lab.nodes.map(async ({ url, dataDirectory }) => {
      const sessions = await withConnection(url, {}, (connection) =>
        connection.query<{ pid: number }>(
          "select pid from pg_stat_activity where application_name like 'blackstart%' and pid <> pg_backend_pid()",
        ),
      );
      const log = await readFile(logFileOf(dataDirectory), "utf8");
      const asked = (pid: number) => log.match(new RegExp(`\\[${pid}\\] LOG:  (statement|execute)`, "g"))?.length ?? 0;
      return { queries: sessions.reduce((sum, { pid }) => sum + asked(pid), 0), connections: sessions.length };
    }),
  );
}

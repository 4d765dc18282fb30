import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay, pollUntil } from "../src/base/time.ts";
import { withConnection } from "../src/drivers/postgres/connection.ts";
import { createLab } from "../src/lab/create.ts";
import { findBinaries } from "../src/lab/binaries.ts";
import type { Lab } from "../src/lab/lab.ts";
import { serverProcessesIn } from "../src/lab/processes.ts";
import { primaryReady, startServer } from "../src/lab/server-start.ts";
import { createResponder } from "../src/respond/responder.ts";
import { loadSystem } from "../src/system/load.ts";
import type { System } from "../src/system/schema.ts";
import { openSqliteTimeline } from "../src/timeline/sqlite/store.ts";
import { startWatcher } from "../src/watch/watcher.ts";
import { type BenchRow, median, quantile } from "./bench.ts";

const kills = 30;
const hangs = 5;
const pollEveryMs = 1000;

/**
 * How soon an outage is an incident on disk: from the signal to the primary to the resolved append. Beside it, in the
 * same outage, a poller that connects once a second, which is the quickest that the usual monitors are set to.
 */
export async function run(): Promise<BenchRow[]> {
  const home = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), "blackstart-bench-"));
  // The account that runs the servers, where we are root, must be able to enter it.
  await chmod(home, 0o755);
  const lab = await createLab({ home });
  try {
    const loaded = await loadSystem(lab.systemFile);
    const system = { ...loaded, watch: { ...loaded.watch, heartbeat: 1000 } };
    const killed: Trial[] = [];
    for (let trial = 0; trial < kills; trial++) {
      killed.push(await outage(lab, system, join(home, `kill-${trial}`), "SIGKILL"));
      await restart(lab);
    }
    const hung: Trial[] = [];
    for (let trial = 0; trial < hangs; trial++) {
      hung.push(await outage(lab, system, join(home, `hang-${trial}`), "SIGSTOP"));
      send(pidsOf(lab), "SIGCONT");
    }
    return [killRow(killed), hangRow(hung, system.watch.heartbeat)];
  } finally {
    await lab.down();
    await rm(home, { recursive: true, force: true });
  }
}

type Trial = Readonly<{ noticedMs: number; incidentMs: number; polledMs: number }>;

async function outage(lab: Lab, system: System, folder: string, signal: "SIGKILL" | "SIGSTOP"): Promise<Trial> {
  const timeline = await openSqliteTimeline(`${folder}.db`);
  const responder = createResponder({ system, timeline });
  const noticed = Promise.withResolvers<number>();
  const durable = Promise.withResolvers<number>();
  // As in `up`: what is seen of the nodes at the beginning is stored, so the store is at work before the outage.
  const stored: Promise<unknown>[] = [];
  const watcher = startWatcher({
    system,
    observed({ kind, data }) {
      stored.push(timeline.append(`cluster/${data.cluster}`, "any", [{ kind, by: "watch", data }]));
    },
    report(change) {
      if (!change.raised.some(({ code }) => code === "cluster.no-primary")) return;
      noticed.resolve(performance.now());
      responder.take(change).then(() => durable.resolve(performance.now()), durable.reject);
    },
  });
  const poller = startPoller(lab.node("pg1").url);
  try {
    await watcher.looked();
    await Promise.all(stored);
    // At any moment between two heartbeats, and between two polls.
    await delay(200 + Math.random() * 1000);
    const pids = pidsOf(lab);
    const startedMs = performance.now();
    send(pids, signal);
    const [noticedAt, durableAt, polledAt] = await Promise.all([noticed.promise, durable.promise, poller.failed]);
    const incidents = await timeline.streams("incident/");
    if (incidents.length !== 1) throw new Error(`one outage gave ${incidents.length} incidents`);
    return { noticedMs: noticedAt - startedMs, incidentMs: durableAt - startedMs, polledMs: polledAt - startedMs };
  } finally {
    poller.stop();
    await watcher.close();
    await timeline.close();
  }
}

/** Connects and asks once a second; `failed` resolves at the first question that gets no answer within a second. */
function startPoller(url: string): { failed: Promise<number>; stop(): void } {
  const stopped = new AbortController();
  const ask = () => withConnection(url, { timeoutMs: 1000, queryTimeoutMs: 1000 }, (one) => one.query("select 1"));
  const poll = async (): Promise<number> => {
    for (;;) {
      try {
        await ask();
      } catch {
        return performance.now(); // That is what it is there to see.
      }
      await delay(pollEveryMs, stopped.signal);
    }
  };
  const failed = poll();
  failed.catch(() => undefined /* stopped */);
  return { failed, stop: () => stopped.abort() };
}

function pidsOf(lab: Lab): readonly number[] {
  return serverProcessesIn(lab.node("pg1").dataDirectory).map(({ pid }) => pid);
}

function send(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // A short-lived worker may have ended by itself.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

async function restart(lab: Lab): Promise<void> {
  await pollUntil(async () => (pidsOf(lab).length === 0 ? true : undefined), { everyMs: 2, timeoutMs: 5000 });
  const { directory } = await findBinaries();
  const server = { name: "pg1", binaries: directory, dataDirectory: lab.node("pg1").dataDirectory };
  await startServer(server, primaryReady, { timeoutMs: 20_000, signal: AbortSignal.timeout(20_000) });
}

function killRow(trials: readonly Trial[]): BenchRow {
  const incident = median(trials.map(({ incidentMs }) => incidentMs));
  const worst = quantile(
    trials.map(({ incidentMs }) => incidentMs),
    0.95,
  );
  const noticed = median(trials.map(({ noticedMs }) => noticedMs));
  const polled = median(trials.map(({ polledMs }) => polledMs));
  return {
    name: `SIGKILL of the whole primary → incident on disk (${trials.length} trials)`,
    measured: `median ${ms(incident)}, p95 ${ms(worst)} (noticed after ${ms(noticed)})`,
    against: `a poller that connects every second: median ${ms(polled)}, with nothing on disk yet`,
    ratio: incident / polled,
    goal: "median ≤ 25 ms",
    met: incident <= 25,
  };
}

function hangRow(trials: readonly Trial[], heartbeatMs: number): BenchRow {
  const incident = Math.max(...trials.map(({ incidentMs }) => incidentMs));
  const polled = Math.max(...trials.map(({ polledMs }) => polledMs));
  return {
    name: `SIGSTOP of the whole primary → incident on disk (${trials.length} trials, heartbeat ${heartbeatMs} ms)`,
    measured: `at most ${ms(incident)} = ${(incident / heartbeatMs).toFixed(2)} × the heartbeat`,
    against: `the poller, with a time limit of 1 s: at most ${ms(polled)}`,
    ratio: incident / polled,
    goal: "≤ 1.5 × the heartbeat",
    met: incident <= 1.5 * heartbeatMs,
  };
}

function ms(value: number): string {
  return value < 100 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

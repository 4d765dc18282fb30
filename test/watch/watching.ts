import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { FindingsChange } from "../../src/finding/change.ts";
import type { Finding } from "../../src/finding/finding.ts";
import { findBinaries } from "../../src/lab/binaries.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { serverProcessesIn } from "../../src/lab/processes.ts";
import { startServer } from "../../src/lab/server-start.ts";
import { loadSystem } from "../../src/system/load.ts";
import type { System } from "../../src/system/schema.ts";
import type { ObservationEvent } from "../../src/timeline/observation.ts";
import { startWatcher, type Watcher } from "../../src/watch/watcher.ts";

/** A watcher on a lab, with everything it said; closed afterwards. */
export type Watching = Readonly<{
  system: System;
  watcher: Watcher;
  changes: FindingsChange[];
  observations: ObservationEvent["data"][];
  /** Waits until exactly these are the findings, written as in `described`; those on settings of trial nodes aside. */
  until(...expected: readonly string[]): Promise<readonly Finding[]>;
}>;

export const heartbeatMs = 500;

export async function watching<T>(
  lab: Lab,
  use: (watching: Watching) => Promise<T>,
  more: Partial<System["watch"]> = {},
): Promise<T> {
  const loaded = await loadSystem(lab.systemFile);
  const system = {
    ...loaded,
    watch: { ...loaded.watch, heartbeat: heartbeatMs, ignore: ["settings.unsafe"], ...more },
  };
  const changes: FindingsChange[] = [];
  const observations: ObservationEvent["data"][] = [];
  const watcher = startWatcher({
    system,
    report: (change) => void changes.push(change),
    observed: (event) => void observations.push(event.data),
  });
  const until = async (...expected: readonly string[]) => {
    const wanted = expected.toSorted();
    await eventually(() => assert.deepEqual(watcher.findings().map(described).toSorted(), wanted));
    return watcher.findings();
  };
  try {
    await watcher.looked();
    return await use({ system, watcher, changes, observations, until });
  } finally {
    await watcher.close();
  }
}

/** `critical node.down node:ledger/pg1 -> rejoin` */
export function described({ severity, code, subject, remedy }: Finding): string {
  return `${severity} ${code} ${subject.kind}:${subject.name}${remedy === undefined ? "" : ` -> ${remedy.kind}`}`;
}

/** Asserts again and again until it holds; after 20 s the last failure is thrown. */
export async function eventually(assertion: () => void | Promise<void>): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await pause(10);
  }
}

/** Every process of one server; the postmaster first. */
export function processesOf(lab: Lab, node: string): readonly number[] {
  const all = serverProcessesIn(lab.node(node).dataDirectory);
  const pids = new Set(all.map(({ pid }) => pid));
  const isPostmaster = (one: { parent: number }) => !pids.has(one.parent);
  return [...all.filter(isPostmaster), ...all.filter((one) => !isPostmaster(one))].map(({ pid }) => pid);
}

export function signalAll(lab: Lab, node: string, signal: NodeJS.Signals): void {
  for (const pid of processesOf(lab, node)) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // It went with its postmaster between the look and the signal.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Kills every process of a server and waits until none is left. */
export async function killServer(lab: Lab, node: string): Promise<void> {
  signalAll(lab, node, "SIGKILL");
  await eventually(() => assert.deepEqual(processesOf(lab, node), []));
}

export async function startNode(lab: Lab, node: string): Promise<void> {
  const { directory } = await findBinaries();
  await startServer(
    { name: node, binaries: directory, dataDirectory: lab.node(node).dataDirectory },
    /ready to accept (read-only )?connections/,
    { timeoutMs: 20_000, signal: AbortSignal.timeout(20_000) },
  );
}

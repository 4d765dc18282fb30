import { readFile } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { pollUntil } from "../../base/time.ts";
import { findBinaries } from "../binaries.ts";
import { addressFileOf } from "../record.ts";
import type { LabOptions } from "../lab.ts";
import type { LabManager, LabPlan, LabSite } from "../manager.ts";
import { type ProcessInfo, serverProcessesIn } from "../processes.ts";
import { loopbackNodes } from "../loopback-nodes.ts";
import { proxiedNetwork, proxyProcesses } from "../proxy/proxied.ts";
import { startProxy } from "../proxy/start.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { primaryReady, standbyReady, standbyStreams, startServer } from "../server-start.ts";
import { isRunning, isStandby, postmasterOf } from "../servers.ts";
import { endAll } from "../signals.ts";
import { templateFor } from "../template.ts";
import { cloneNodes } from "./clone-nodes.ts";

const startTimeoutMs = 30_000;
const orphansTimeoutMs = 10_000;

/** Streaming replication, and nobody who manages it: the clients read in a file where the primary is. */
export const streaming: LabManager = {
  name: "streaming",
  failsOver: false,
  prepare: (options) => findBinaries(options.binaries === undefined ? {} : { directory: options.binaries }),
  plan,
  build,
  systemLines: (record) => [`clients: { file: ${JSON.stringify(addressFileOf(record))} }`],
  clientUrl,
  opinions: async () => ({}),
  processesOf: (_, node) => processesOf(node),
  sharedProcesses: proxyProcesses,
  async powerOff(_, nodes) {
    await endAll(() => nodes.flatMap(processesOf));
  },
  async powerOn(record, nodes) {
    // Where only the postmaster was killed, the others are just about to notice and to end.
    const down = nodes.filter((node) => postmasterOf(node) === undefined);
    await pollUntil(async () => (down.some(isRunning) ? undefined : true), { everyMs: 5, timeoutMs: orphansTimeoutMs });
    await startTogether(record, down, (node) => (isStandby(node) ? standbyReady : primaryReady));
    return down;
  },
  ...proxiedNetwork,
  clear: async () => undefined,
};

/** Also of a server that somebody started in a data directory that was moved aside or kept. */
function processesOf({ dataDirectory }: NodeRecord): readonly ProcessInfo[] {
  return serverProcessesIn(dirname(dataDirectory));
}

async function plan(site: LabSite, options: LabOptions): Promise<LabPlan> {
  const { ports, nodes, routes } = await loopbackNodes(site, options, 0);
  return { ports, nodes, manager: { kind: "streaming", routes } };
}

async function build(record: LabRecord, options: LabOptions): Promise<LabRecord> {
  const template = await templateFor({ directory: record.binaries, version: record.version });
  await startProxy(record);
  await cloneNodes(record, template, options);
  // All at once: a standby asks for its primary every 10 ms.
  await startTogether(record, record.nodes, ({ role }) => (role === "primary" ? primaryReady : standbyStreams));
  writeFileSync(addressFileOf(record), `127.0.0.1:${record.nodes[0]?.port}\n`);
  return record;
}

/** The first that fails ends the wait for the others. */
async function startTogether(
  record: LabRecord,
  nodes: readonly NodeRecord[],
  ready: (node: NodeRecord) => RegExp,
): Promise<void> {
  const failed = new AbortController();
  const starts = nodes.map((node) =>
    startServer({ name: node.name, binaries: record.binaries, dataDirectory: node.dataDirectory }, ready(node), {
      timeoutMs: startTimeoutMs,
      signal: failed.signal,
    }).catch((error) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(starts);
  if (failed.signal.aborted) throw failed.signal.reason;
}

async function clientUrl(record: LabRecord): Promise<string | undefined> {
  const address = await readFile(addressFileOf(record), "utf8").catch(() => "" /* Nobody wrote it: nowhere. */);
  return address.trim() === "" ? undefined : `postgres://blackstart@${address.trim()}/postgres`;
}

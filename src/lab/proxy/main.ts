import { existsSync, watch } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { readRecord, recordFile } from "../record.ts";
import { writeJson } from "../json-file.ts";
import { appliedFile, type NetworkState, readNetwork } from "./network.ts";
import type { Line } from "./lane.ts";
import { makePair, type Pair } from "./pair.ts";
import { routesOf } from "./proxied.ts";

/**
 * The program that stands between a lab's nodes: one process for all of them. It carries out `network.json`, and ends when
 * the lab's directory is gone.
 *
 * A node's inbound connections come to a port that is its own. Its outbound ones are known by the application_name that
 * a standby gives, which is the node's name, or have a port that only this node uses; so a cut node is cut in both
 * directions.
 */
const directory = process.argv[2] as string;
const record = readRecord(directory);
if (record === undefined) throw new Error(`no lab in ${directory}`);
const pairs = new Map<Pair, string>();
let states: Readonly<Record<string, NetworkState>> = {};
let revision = -1;

const listeners = routesOf(record).map((route) => {
  const accept = (client: Socket) => {
    const pair = makePair(client, route.target, {
      from: (known) => settle(known, route.node),
      closed: (gone) => pairs.delete(gone),
    });
    pairs.set(pair, route.node);
    settle(pair, route.node);
  };
  return { route, server: createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept) };
});

await apply();
watch(directory, () => void apply());
// A change that was not told (some file systems do not), or the end of the lab.
setInterval(() => (existsSync(recordFile(directory)) ? void apply() : process.exit(0)), 500);

async function apply(): Promise<void> {
  const wanted = readNetwork(directory);
  if (wanted.revision === revision) return;
  revision = wanted.revision;
  states = wanted.nodes;
  for (const { route, server } of listeners)
    await (stateOf(route.node) === "cut" ? refuse(server) : listen(server, route.port));
  for (const [pair, to] of pairs) settle(pair, to);
  writeJson(appliedFile(directory), wanted);
}

function settle(pair: Pair, to: string): void {
  const ends = [stateOf(to), stateOf(pair.from() ?? "")];
  if (ends.includes("cut")) pair.reset();
  else if (ends.includes("black-hole")) pair.freeze();
  else pair.open(slowest(ends.filter((state) => typeof state === "object")));
}

/** Between two slow ends the delays add up, and the narrower line is the one that counts. */
function slowest(lines: readonly Line[]): Line | undefined {
  if (lines.length === 0) return undefined;
  const rates = lines.map(({ bytesPerSecond }) => bytesPerSecond).filter((rate) => rate !== null);
  return {
    latencyMs: lines.reduce((sum, { latencyMs }) => sum + latencyMs, 0),
    bytesPerSecond: rates.length === 0 ? null : Math.min(...rates),
  };
}

function stateOf(node: string): NetworkState {
  return states[node] ?? "open";
}

/** Not waiting for its connections to end: they are reset next. */
function refuse(server: Server): void {
  if (server.listening) server.close();
}

function listen(server: Server, port: number): Promise<void> {
  if (server.listening) return Promise.resolve();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
}

import { readFileSync } from "node:fs";
import pg from "pg";
import { delay } from "../../src/base/time.ts";
import type { CommitLevel, Write } from "../support/invariants/writes.ts";
import type { Animal, AnimalNode } from "./animal.ts";

/** Clients that write without a pause, and one that tries a write on every node, and what came of each write. */
export interface Clients {
  writes(): readonly Write[];
  /** What the clients' own path last led to, and when. */
  lastAcknowledged(): Write | undefined;
  /** What became of the latest attempts to write on this node itself. */
  probe(node: string): Probe;
  stop(): Promise<void>;
}

/** `takesWrites`: at the last attempt. `atMs`: when that ended; on the clock of `performance.now()`. */
export type Probe = Readonly<{ takesWrites: boolean; atMs: number; said: string }>;

const levels: readonly CommitLevel[] = ["on", "remote_apply", "remote_write", "local", "off"];
const writeTimeoutMs = 5000;
/** For the first attempt; twice as long for each after one that failed: 100 ms away, a busy machine takes longer for all. */
const connectTimeoutMs = 1000;
const paceMs = 20;
const probeEveryMs = 120;

export async function startClients(animal: Animal): Promise<Clients> {
  const stop = new AbortController();
  const writes: Write[] = [];
  const probes = new Map<string, Probe>();
  let latest: Write | undefined;
  const ended = (write: Write) => {
    writes.push(write);
    if (write.outcome === "acknowledged" && write.by === "client") latest = write;
  };
  await prepare(animal);
  const running = [
    ...levels.map((level, at) => writer({ animal, level, firstId: (at + 1) * 1_000_000, ended, signal: stop.signal })),
    ...animal.nodes.map((node, at) =>
      prober(node, (at + 11) * 1_000_000, stop.signal, ended, (probe) => probes.set(node.name, probe)),
    ),
  ];
  return {
    writes: () => writes,
    lastAcknowledged: () => latest,
    probe: (node) => probes.get(node) ?? { takesWrites: false, atMs: 0, said: "not tried yet" },
    async stop() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

async function prepare({ nodes }: Animal): Promise<void> {
  const client = new pg.Client({
    ...(nodes[0] as AnimalNode).login,
    connectionTimeoutMillis: 30_000,
    query_timeout: 30_000,
  });
  await client.connect();
  await client.query("create table nemesis (id bigint primary key)");
  await client.end();
}

type Writing = Readonly<{
  animal: Animal;
  level: CommitLevel;
  firstId: number;
  ended(write: Write): void;
  signal: AbortSignal;
}>;

/** Like a real client: reads the address, connects, writes until it is cut off, and believes only what was acknowledged. */
async function writer({ animal, level, firstId, ended, signal }: Writing): Promise<void> {
  let id = firstId;
  let patienceMs = connectTimeoutMs;
  while (!signal.aborted) {
    const node = nodeAt(animal);
    if (node === undefined) {
      await pause(20, signal);
      continue;
    }
    const login = { ...node.login, port: node.clientPort, connectionTimeoutMillis: patienceMs };
    const session = await open(login, level).catch(() => undefined);
    patienceMs = session === undefined ? Math.min(2 * patienceMs, writeTimeoutMs) : connectTimeoutMs;
    while (session !== undefined && !signal.aborted) {
      const write = await session.write(++id, { node: node.name, level, by: "client" });
      ended(write);
      if (write.outcome !== "acknowledged") break;
      // The address is read before each connection only; a pool would keep it so as well.
      await pause(paceMs, signal);
    }
    session?.close();
    await pause(10, signal);
  }
}

async function prober(
  node: AnimalNode,
  firstId: number,
  signal: AbortSignal,
  ended: (write: Write) => void,
  seen: (probe: Probe) => void,
): Promise<void> {
  let id = firstId;
  let session: Session | undefined;
  while (!signal.aborted) {
    try {
      session ??= await open(node.login, "on");
      const write = await session.write(++id, { node: node.name, level: "on", by: "prober" });
      ended(write);
      const takesWrites = write.outcome === "acknowledged";
      seen({ takesWrites, atMs: performance.now(), said: write.said ?? "" });
      // A standby refuses each; the session is as good as before.
      if (write.outcome === "unanswered" || !/read-only/.test(write.said ?? "read-only")) {
        session.close();
        session = undefined;
      }
    } catch (error) {
      seen({ takesWrites: false, atMs: performance.now(), said: String(error) });
      session = undefined;
    }
    await pause(probeEveryMs, signal);
  }
  session?.close();
}

type Session = Readonly<{
  write(id: number, of: Pick<Write, "node" | "level" | "by">): Promise<Write>;
  close(): void;
}>;

const insert = `insert into nemesis values ($1) returning current_setting('synchronous_standby_names') as names,
  ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int as timeline`;

async function open(login: pg.ClientConfig, level: CommitLevel): Promise<Session> {
  const client = new pg.Client({ ...login, query_timeout: writeTimeoutMs });
  client.on("error", () => undefined); // The write that is under way tells it.
  const destroy = () =>
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  let namesBefore = "";
  try {
    await client.connect();
    if (level !== "on") await client.query(`set synchronous_commit = ${level}`);
  } catch (error) {
    destroy();
    throw error;
  }
  return {
    close: destroy,
    async write(id, of) {
      const sentMs = performance.now();
      try {
        const { rows } = await client.query<{ names: string; timeline: number }>(insert, [id]);
        const { names = "", timeline = 0 } = rows[0] ?? {};
        const ack = { id, ...of, sentMs, endedMs: performance.now(), outcome: "acknowledged" as const, timeline };
        // The names change between two statements of a session: one that both saw was in force.
        const write = { ...ack, names: namesBefore === names ? names : "" };
        namesBefore = names;
        return write;
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        const outcome = /timeout/i.test(said) ? ("unanswered" as const) : ("failed" as const);
        return { id, ...of, sentMs, endedMs: performance.now(), outcome, said };
      }
    },
  };
}

/** The address that stands in the file is the node's for us; the clients have a line of their own to it. */
export function nodeAt({ addressFile, nodes }: Pick<Animal, "addressFile" | "nodes">): AnimalNode | undefined {
  try {
    const port = Number(readFileSync(addressFile, "utf8").trim().split(":")[1]);
    return nodes.find((node) => node.port === port);
  } catch {
    return undefined; // It is being written.
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, signal).catch(() => undefined);
}

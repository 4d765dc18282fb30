import pg from "pg";
import { lsnAhead, type Lsn } from "../../src/drivers/postgres/lsn.ts";
import type { Animal, AnimalNode } from "./animal.ts";
import { type Clients, nodeAt } from "./clients.ts";

/** What the servers are, asked of themselves and by writes, past everything that the product believes. */
export type Truth = Readonly<{
  /** Those that took a write at the last attempt. */
  writers: readonly string[];
  /** The clients' own path leads to the one that takes writes, and a client's write was acknowledged there just now. */
  clientsWrite: boolean;
  nodes: readonly NodeTruth[];
}>;

export type NodeTruth = Readonly<{
  name: string;
  role: "primary" | "standby" | "silent" | "down";
  /** For a standby: it receives and replays what the primary writes, on the primary's timeline. */
  follows: boolean;
  timeline: number | null;
  said: string;
}>;

const recentMs = 1500;
const followTimeoutMs = 1500;

export async function truthOf(animal: Animal, clients: Clients): Promise<Truth> {
  const since = performance.now() - recentMs;
  const writers = animal.nodes
    .filter(({ name }) => clients.probe(name).takesWrites && clients.probe(name).atMs >= since)
    .map(({ name }) => name);
  const latest = clients.lastAcknowledged();
  const isRecent = latest !== undefined && latest.endedMs >= since;
  const clientsWrite = isRecent && writers.includes(latest.node) && nodeAt(animal)?.name === latest.node;
  const primary = writers.length === 1 ? animal.nodes.find(({ name }) => name === writers[0]) : undefined;
  const end = primary && (await look(primary).catch(() => undefined /* It has just ended, or is suspended. */));
  const nodes = await Promise.all(animal.nodes.map((node) => truthOfNode(node, end)));
  return { writers, clientsWrite, nodes };
}

/** One primary, the clients write there, and every other follows it. */
export function isWhole({ writers, clientsWrite, nodes }: Truth): boolean {
  return writers.length === 1 && clientsWrite && nodes.every(({ name, follows }) => name === writers[0] || follows);
}

/** What is missing, in words. */
export function missingOf({ writers, clientsWrite, nodes }: Truth): string {
  const others = nodes.filter(({ name, follows }) => !writers.includes(name) && !follows);
  return [
    writers.length === 0 ? "no node takes writes" : writers.length > 1 ? `${writers.join(" and ")} take writes` : "",
    writers.length === 1 && !clientsWrite ? `${writers[0]} takes writes, and no client's write gets there` : "",
    ...others.map(({ name, role, timeline, said }) =>
      role === "standby"
        ? `${name} is a standby on timeline ${timeline} that does not follow`
        : `${name} is ${role}${said === "" ? "" : ` (${said})`}`,
    ),
  ]
    .filter(Boolean)
    .join("; ");
}

type Look = Readonly<{ standby: boolean; timeline: number; lsn: Lsn; replayed: Lsn | null }>;

const query = `select pg_is_in_recovery() as standby,
  case when pg_is_in_recovery()
    then coalesce((select received_tli from pg_stat_wal_receiver), (select timeline_id from pg_control_checkpoint()))
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end as timeline,
  (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end)::text as lsn,
  pg_last_wal_replay_lsn()::text as replayed`;

async function truthOfNode(node: AnimalNode, primary: Look | undefined): Promise<NodeTruth> {
  const { name } = node;
  try {
    let seen = await look(node);
    const role = seen.standby ? "standby" : "primary";
    const reached = () =>
      primary !== undefined && seen.timeline === primary.timeline && lsnAhead(seen.lsn, primary.lsn) >= 0;
    for (const deadline = performance.now() + followTimeoutMs; seen.standby && primary && !reached(); ) {
      if (performance.now() > deadline) break;
      await new Promise((resolve) => setTimeout(resolve, 30));
      seen = await look(node);
    }
    return { name, role, follows: seen.standby && reached(), timeline: seen.timeline, said: "" };
  } catch (error) {
    const role = node.processes().length === 0 ? "down" : "silent";
    return { name, role, follows: false, timeline: null, said: error instanceof Error ? error.message : "" };
  }
}

async function look({ login }: AnimalNode): Promise<Look> {
  const client = new pg.Client(login);
  client.on("error", () => undefined); // The query tells it.
  try {
    await client.connect();
    return (await client.query(query)).rows[0] as Look;
  } finally {
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { until, type Zoo } from "../zoo.ts";

/** A client as it should be: reads where the primary is, writes row after row, and remembers which were acknowledged. */
export type Client = Readonly<{
  acknowledged(): readonly number[];
  /** Until a write is acknowledged that was begun after this call. */
  writes(timeoutMs?: number): Promise<void>;
  /** While somebody does by hand what may cost writes: it writes no more, and what it has written counts no more. */
  without(act: () => Promise<void>): Promise<void>;
  stop(): Promise<readonly number[]>;
}>;

let nextId = 1000;

export async function startClient(zoo: Zoo): Promise<Client> {
  const ids: number[] = [];
  let isOver = false;
  const run = async () => {
    while (!isOver) {
      const client = new pg.Client({ ...zoo.login(portIn(zoo.addressFile), "app"), query_timeout: 2000 });
      client.on("error", () => undefined); // The query says it.
      try {
        await client.connect();
        while (!isOver) {
          const id = nextId++;
          await client.query("insert into acknowledged values ($1)", [id]);
          ids.push(id);
          await delay(5);
        }
      } catch {
        await delay(20); // Refused, cut off or not answered: nothing is known of that write, and it tries again.
      } finally {
        await Promise.race([client.end().catch(() => undefined), delay(200)]);
      }
    }
  };
  let loop = run();
  const client: Client = {
    acknowledged: () => [...ids],
    async writes(timeoutMs = 20_000) {
      const from = nextId;
      await until("a client's write is acknowledged", async () => (ids.at(-1) ?? 0) >= from, timeoutMs);
    },
    async without(act) {
      await client.stop();
      ids.length = 0;
      await act();
      isOver = false;
      loop = run();
    },
    async stop() {
      isOver = true;
      await loop;
      return ids;
    },
  };
  try {
    await client.writes();
    return client;
  } catch (error) {
    await client.stop();
    throw error;
  }
}

/** Whether this server itself acknowledges a write of the clients' role. */
export async function acknowledges(zoo: Zoo, node: string): Promise<boolean> {
  return zoo.query(node, `insert into acknowledged values (${nextId++})`, "app").then(
    () => true,
    () => false, // Refused, or not answered for five seconds.
  );
}

export function portIn(addressFile: string): number {
  return Number(readFileSync(addressFile, "utf8").trim().split(":")[1]);
}

import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import pg from "pg";
import { pollUntil } from "../../src/base/time.ts";

/**
 * A client like a real one, in a process of its own: reads the address file whenever it connects, writes one row after
 * the other, and tells which were acknowledged. What it tells was acknowledged; nothing else is believed.
 */
export interface Writer {
  /** The numbers of the rows that were acknowledged, in order. */
  acknowledged(): readonly number[];
  /** The moment (`Date.now()`) of the first acknowledgement of a write that was begun at or after `since`. */
  nextAcknowledged(since: number, timeoutMs: number): Promise<number>;
  stop(): Promise<void>;
}

export type WriterOptions = Readonly<{ addressFile: string; table?: string; everyMs?: number }>;

export async function startWriter(options: WriterOptions): Promise<Writer> {
  const table = options.table ?? "acknowledged_writes";
  const args = [import.meta.filename, options.addressFile, table, String(options.everyMs ?? 1)];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const writes: { id: number; begun: number; at: number }[] = [];
  createInterface({ input: child.stdout as NonNullable<ChildProcess["stdout"]> }).on("line", (line) => {
    const [id = 0, begun = 0, at = 0] = line.split(" ").map(Number);
    writes.push({ id, begun, at });
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const writer: Writer = {
    acknowledged: () => writes.map((write) => write.id),
    async nextAcknowledged(since, timeoutMs) {
      const found = await pollUntil(async () => writes.findLast((write) => write.begun >= since), {
        everyMs: 2,
        timeoutMs,
      });
      if (found === undefined) throw new Error(`no write was acknowledged within ${timeoutMs} ms`);
      return writes.find((write) => write.begun >= since)?.at as number;
    },
    async stop() {
      child.stdin?.end();
      await exited;
    },
  };
  try {
    await writer.nextAcknowledged(0, 10_000);
    return writer;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** Acknowledged rows that this server does not have. */
export async function lostWrites(
  url: string,
  acknowledged: readonly number[],
  table = "acknowledged_writes",
): Promise<readonly number[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000, query_timeout: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(`select id from ${table}`);
    const there = new Set(rows.map((row) => Number(row.id)));
    return acknowledged.filter((id) => !there.has(id));
  } finally {
    await client.end();
  }
}

/** The child: ends when its standard input does, so that it never outlives whoever started it. */
async function write(addressFile: string, table: string, everyMs: number): Promise<void> {
  let over = false;
  process.stdin.on("end", () => (over = true)).resume();
  let id = 0;
  while (!over) {
    let client: pg.Client | undefined;
    try {
      const address = (await readFile(addressFile, "utf8")).trim();
      client = new pg.Client({
        connectionString: `postgres://blackstart@${address}/postgres`,
        connectionTimeoutMillis: 500,
        query_timeout: 1000,
      });
      client.on("error", () => undefined);
      await client.connect();
      await client.query(`create table if not exists ${table} (id bigint primary key)`);
      while (!over) {
        const begun = Date.now();
        await client.query(`insert into ${table} values ($1)`, [++id]);
        process.stdout.write(`${id} ${begun} ${Date.now()}\n`);
        if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
    } catch {
      // Cut off, refused or not answered: like a real client it tries again, and believes nothing of that write.
      await new Promise((resolve) => setTimeout(resolve, 5));
    } finally {
      // A server that hangs never says goodbye.
      (
        client as unknown as { connection?: { stream?: { destroy(): void } } } | undefined
      )?.connection?.stream?.destroy();
    }
  }
  process.exit(0);
}

if (import.meta.main) {
  const [addressFile = "", table = "", everyMs = "1"] = process.argv.slice(2);
  await write(addressFile, table, Number(everyMs));
}

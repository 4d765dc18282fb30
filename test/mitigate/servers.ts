import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pollUntil } from "../../src/base/time.ts";
import { type Connection, withConnection } from "../../src/drivers/postgres/connection.ts";
import type { World } from "./world.ts";

/* What a test does to the servers of a lab, and looks at afterwards. */

/** To every process of a node. */
export async function signal(world: World, node: string, name: NodeJS.Signals): Promise<void> {
  const instance = await world.fleet.instance("ledger", node);
  for (const pid of (await instance?.inspect())?.pids ?? []) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // A worker that ended in between.
    }
  }
}

export function on<T>(world: World, node: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  return withConnection(world.lab.node(node).url, { timeoutMs: 5000, queryTimeoutMs: 5000 }, work);
}

export async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const reached = await pollUntil(async () => ((await ask()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(reached, `not reached: ${what}`);
}

/** The one node that takes writes; fails when there is none or more than one. */
export async function onlyPrimary(world: World): Promise<string> {
  const roles = await Promise.all(world.lab.nodes.map(({ name }) => isPrimary(world, name)));
  const primaries = world.lab.nodes.filter((_, at) => roles[at]).map(({ name }) => name);
  assert.equal(primaries.length, 1, `primaries: ${primaries.join(", ") || "none"}`);
  return primaries[0] as string;
}

async function isPrimary(world: World, node: string): Promise<boolean> {
  try {
    return await on(world, node, async (connection) => {
      const [row] = await connection.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
      return row?.standby === false;
    });
  } catch {
    return false; // It does not answer: it takes no writes.
  }
}

export async function streaming(world: World, primary: string): Promise<readonly string[]> {
  const rows = await on(world, primary, (connection) =>
    connection.query<{ name: string }>(
      "select application_name as name from pg_stat_replication where state = 'streaming' order by 1",
    ),
  );
  return rows.map((row) => row.name);
}

/** One primary, every other node streams from it, and the clients are pointed to it. */
export async function assertWhole(world: World): Promise<string> {
  const primary = await onlyPrimary(world);
  const others = world.lab.nodes.map(({ name }) => name).filter((name) => name !== primary);
  await until("all standbys stream", async () => (await streaming(world, primary)).join() === others.join());
  assert.equal(readFileSync(world.lab.addressFile, "utf8").trim(), `127.0.0.1:${world.lab.node(primary).port}`);
  return primary;
}

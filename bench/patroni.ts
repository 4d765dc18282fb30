import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlackstartError } from "../src/base/error.ts";
import { pollUntil } from "../src/base/time.ts";
import { withConnection } from "../src/drivers/postgres/connection.ts";
import { createLab } from "../src/lab/create.ts";
import type { LabNode } from "../src/lab/lab.ts";
import { managerNamed } from "../src/lab/managers.ts";

/*
 * The same outage under Patroni: three members and one etcd on this machine, synchronous_mode on, with the shortest
 * times that Patroni allows (ttl 20, loop_wait 1, retry_timeout 3). Its leader's Patroni and PostgreSQL are killed at
 * once, as when the machine dies.
 */

export type PatroniResult =
  | Readonly<{ kind: "measured"; downtimesMs: readonly number[] }>
  | Readonly<{ kind: "absent"; why: string }>;

const times = { ttl: 20, loopWait: 1, retryTimeout: 3 };
const recoveredTimeoutMs = 120_000;

export async function patroniFailover(trials: number): Promise<PatroniResult> {
  try {
    await managerNamed("patroni").prepare({});
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    return { kind: "absent", why: `${error.message} ${error.next}` };
  }
  const downtimesMs: number[] = [];
  for (let trial = 0; trial < trials; trial++) downtimesMs.push(await trialMs());
  return { kind: "measured", downtimesMs };
}

async function trialMs(): Promise<number> {
  const home = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), "blackstart-patroni-"));
  // The account that runs the servers, where we are root, must be able to enter it.
  await chmod(home, 0o755);
  try {
    const lab = await createLab({ home, manager: "patroni", patroni: times });
    try {
      const [primary, ...others] = lab.nodes as readonly [LabNode, ...LabNode[]];
      await withConnection(primary.url, {}, (connection) => connection.query("create table writes (at timestamptz)"));
      const killedAt = performance.now();
      await lab.break("power-off", primary.name);
      await firstWrite(others);
      return performance.now() - killedAt;
    } finally {
      await lab.down();
    }
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** As a client with `target_session_attrs=read-write` does: tries one node after the other. */
async function firstWrite(nodes: readonly LabNode[]): Promise<void> {
  const written = await pollUntil(
    async () => {
      for (const { url } of nodes) {
        const wrote = await withConnection(url, {}, (connection) =>
          connection.query("insert into writes values (now())"),
        ).then(
          () => true,
          () => false, // Read-only still, or not reachable: the next one.
        );
        if (wrote) return true;
      }
      return undefined;
    },
    { everyMs: 10, timeoutMs: recoveredTimeoutMs },
  );
  if (written === undefined) throw new Error(`under Patroni no write was accepted within ${recoveredTimeoutMs} ms`);
}

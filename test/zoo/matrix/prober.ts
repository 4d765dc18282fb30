import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Line } from "../../cli/command-line.ts";
import { acknowledgedAfterFence, type Fence } from "../../support/invariants/claims.ts";
import { twoPrimaries, type Write } from "../../support/invariants/writes.ts";
import type { Zoo } from "../zoo.ts";

/** Tries a write on every server that runs, again and again, while the program works: between its steps as well. */
export type Prober = Readonly<{ stop(): Promise<readonly Write[]> }>;

const pauseMs = 25;
const timeoutMs = 2000;
/** Far from what the clients write. */
let nextId = 500_000_000;

/** It waits for no standby: whether a server takes writes is asked, not whether they are safe there. */
const insert = `insert into acknowledged values ($1)
  returning ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int as timeline`;

export function startProber(zoo: Zoo): Prober {
  const writes: Write[] = [];
  let isOver = false;
  const probe = async (node: string): Promise<void> => {
    while (!isOver) {
      if (!zoo.runs(node)) {
        await delay(pauseMs);
        continue;
      }
      const client = new pg.Client({ ...zoo.login(zoo.place(node).port, "app"), query_timeout: timeoutMs });
      client.on("error", () => undefined); // The query says it.
      try {
        await client.connect();
        await client.query("set synchronous_commit = local");
        while (!isOver) writes.push(await attempt(client, node));
      } catch {
        await delay(pauseMs); // It does not let us in, or is gone.
      } finally {
        await Promise.race([client.end().catch(() => undefined), delay(200)]);
      }
    }
  };
  const running = zoo.nodes.map(probe);
  return {
    async stop() {
      isOver = true;
      await Promise.all(running);
      return writes;
    },
  };
}

/** Throws where the connection is of no more use. */
async function attempt(client: pg.Client, node: string): Promise<Write> {
  const of = { id: nextId++, node, level: "local", by: "prober", sentMs: performance.now() } as const;
  try {
    const { rows } = await client.query<{ timeline: number }>(insert, [of.id]);
    return { ...of, endedMs: performance.now(), outcome: "acknowledged", timeline: rows[0]?.timeline ?? 0 };
  } catch (error) {
    const isStandby = (error as { code?: string }).code === "25006";
    if (!isStandby) throw error;
    return { ...of, endedMs: performance.now(), outcome: "failed" };
  } finally {
    await delay(pauseMs);
  }
}

/**
 * Never two that acknowledge, and none that the program has fenced.
 * @param hadTwo the outage was that there were two: until the fence of one of them, that is no news
 */
export function assertOnePrimary(writes: readonly Write[], records: readonly Line[], hadTwo: boolean): void {
  const fences = fencesIn(records);
  assert.ok(fences.length > 0 || !hadTwo, "one of two was fenced, and that is not found in what was told");
  const after = hadTwo ? Math.max(...fences.map(({ atMs }) => atMs)) : Number.NEGATIVE_INFINITY;
  const counted = writes.filter(({ sentMs }) => sentMs > after);
  assert.deepEqual(twoPrimaries(counted), [], "two servers acknowledged writes at the same time");
  assert.deepEqual(acknowledgedAfterFence(writes, fences), [], "a fenced server acknowledged a write");
}

/** What it said of a fence, on the clock of `performance.now()`: an event's time is the wall clock's. */
function fencesIn(records: readonly Line[]): readonly Fence[] {
  const events = records.map((line) => line.event ?? line);
  const nodes = new Map<string, string>(
    events
      .flatMap(({ kind, data }) => (kind === "plan.stored" ? data.plan.steps : []))
      .filter(({ kind }) => kind === "postgres.fence")
      .map(({ id, parameters }) => [id, String(parameters.node)]),
  );
  return events.flatMap(({ kind, data, at }) => {
    const node = kind === "step.done" ? nodes.get(data.step) : undefined;
    return node === undefined ? [] : [{ node, atMs: Date.parse(at) - performance.timeOrigin }];
  });
}

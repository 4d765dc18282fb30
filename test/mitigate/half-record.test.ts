import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lsn } from "../../src/drivers/postgres/lsn.ts";
import { lsnAhead } from "../../src/drivers/postgres/lsn.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

const recordBytes = 128 * 1024 * 1024;
const enough = recordBytes / 8;

/* A primary that dies within a long record leaves its beginning on the standbys, beyond where the next timeline begins. */
test("a standby that holds half a record of the dead primary has not diverged, and only has to be aimed anew", async () => {
  const settings = { wal_keep_size: "4GB" };
  await withWorld({ standbys: ["asynchronous", "asynchronous"], settings }, async (world) => {
    await dieWithinRecord(world);
    await on(world, "pg2", (connection) => connection.query("select pg_promote(true)"));
    const plan = await world.plan("rejoin", "ledger/pg3");
    if (isRefusal(plan)) assert.fail(`refused (${plan.rule}): ${plan.missing}`);
    assert.doesNotMatch(plan.because.join(" "), /diverged/);
    const result = await world.act("rejoin", "ledger/pg3");
    const [done] = (await world.events(result.planId)).filter(({ kind }) => kind === "step.done");
    assert.match(JSON.stringify(done?.data), /"how":"aimed"/);
  });
});

async function dieWithinRecord(world: World): Promise<void> {
  const hasHalf = async (node: string, from: Lsn) =>
    lsnAhead((await ask<Seen>(world, node, seenQuery)).received, from) > enough;
  // The writer is halted first: there is time to see whether that was early enough, and to begin anew where it was not.
  for (let attempt = 1; attempt <= 20; attempt++) {
    const { from } = await ask<{ from: Lsn }>(world, "pg1", "select pg_current_wal_lsn()::text as from");
    const { pid, written } = await startRecord(world);
    await until("both standbys hold half a record", async () => (await hasHalf("pg2", from)) && hasHalf("pg3", from));
    if (!isThere(pid, "SIGSTOP")) continue;
    const { flushed } = await ask<{ flushed: Lsn }>(world, "pg1", "select pg_current_wal_flush_lsn()::text as flushed");
    if (lsnAhead(flushed, from) < recordBytes) {
      await signal(world, "pg1", "SIGKILL");
      await written;
      for (const node of ["pg2", "pg3"]) {
        const { received, replayed } = await ask<Seen>(world, node, seenQuery);
        assert.ok(lsnAhead(received, replayed) > 0, `${node} has replayed all that it holds`);
      }
      return;
    }
    isThere(pid, "SIGCONT");
    await written;
  }
  assert.fail("the record was on disk as a whole, every time");
}

/** A backend that writes it; `written` ends with it, in whichever way. */
async function startRecord(world: World): Promise<{ pid: number; written: Promise<void> }> {
  const pid = Promise.withResolvers<number>();
  const written = on(world, "pg1", async (connection) => {
    const [row] = await connection.query<{ pid: number }>("select pg_backend_pid() as pid");
    pid.resolve(row?.pid ?? 0);
    await connection.query(`select pg_logical_emit_message(false, 'long', repeat('x', ${recordBytes}))`);
  }).catch(pid.reject);
  return { pid: await pid.promise, written };
}

/** False: it has ended by itself. */
function isThere(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

async function ask<Row>(world: World, node: string, query: string): Promise<Row> {
  const [row] = await on(world, node, (connection) => connection.query<Row & Record<string, unknown>>(query));
  return row as Row;
}

type Seen = Readonly<{ received: Lsn; replayed: Lsn }>;

const seenQuery = "select pg_last_wal_receive_lsn()::text as received, pg_last_wal_replay_lsn()::text as replayed";

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lsn } from "../../src/drivers/postgres/lsn.ts";
import { lsnAhead } from "../../src/drivers/postgres/lsn.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

const segmentBytes = 16 * 1024 * 1024;

/* A primary that dies within a long record leaves its beginning on the standbys, beyond where the next timeline begins. */
test("a standby that holds half a record of the dead primary has not diverged, and only has to be aimed anew", async () => {
  await withWorld({ standbys: ["asynchronous", "asynchronous"] }, async (world) => {
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
  const [before] = await on(world, "pg1", (one) => one.query<{ lsn: Lsn }>("select pg_current_wal_lsn()::text as lsn"));
  const write = "select pg_logical_emit_message(false, 'long', repeat('x', 256 * 1024 * 1024))";
  const written = on(world, "pg1", (connection) => connection.query(write)).catch(() => undefined);
  const received = async (node: string): Promise<Seen> => {
    const [row] = await on(world, node, (connection) => connection.query<Seen>(seenQuery));
    assert.ok(row);
    return row;
  };
  const hasHalf = async (node: string) =>
    lsnAhead((await received(node)).received, before?.lsn ?? "0/0") > segmentBytes;
  await until("both standbys hold half a record", async () => (await hasHalf("pg2")) && (await hasHalf("pg3")));
  await signal(world, "pg1", "SIGKILL");
  await written;
  for (const node of ["pg2", "pg3"]) {
    const seen = await received(node);
    assert.ok(lsnAhead(seen.received, seen.replayed) > 0, `${node} holds the whole of it: it was killed too late`);
  }
}

type Seen = Readonly<{ received: Lsn; replayed: Lsn }>;

const seenQuery = "select pg_last_wal_receive_lsn()::text as received, pg_last_wal_replay_lsn()::text as replayed";

import assert from "node:assert/strict";
import { test } from "node:test";
import { withConnection } from "../../src/drivers/postgres/connection.ts";
import type { Lsn } from "../../src/drivers/postgres/lsn.ts";
import { lsnAhead } from "../../src/drivers/postgres/lsn.ts";
import { isRefusal } from "../../src/plan/plan.ts";
import { on, signal, until } from "./servers.ts";
import { type World, withWorld } from "./world.ts";

const standbys = ["pg2", "pg3"];
const recordBytes = 64 * 1024 * 1024; // More than the socket between two servers ever holds.

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

/** The standbys' receivers are halted while the record is written: they get what their socket holds of it, and no more. */
async function dieWithinRecord(world: World): Promise<void> {
  const receivers = await Promise.all(standbys.map((node) => receiverOf(world, node)));
  for (const pid of receivers) process.kill(pid, "SIGSTOP");
  try {
    await writeRecord(world);
    await signal(world, "pg1", "SIGKILL");
  } finally {
    for (const pid of receivers) process.kill(pid, "SIGCONT");
  }
  for (const node of standbys) {
    await until(`${node} has lost its primary`, async () => (await ask(world, node)).receiver === null);
    const { received, replayed } = await ask(world, node);
    assert.ok(lsnAhead(received, replayed) > 0, `${node} has replayed all that it holds`);
  }
}

async function receiverOf(world: World, node: string): Promise<number> {
  let pid: number | null = null;
  await until(`${node} receives`, async () => {
    pid = (await ask(world, node)).receiver;
    return pid !== null;
  });
  return pid ?? assert.fail();
}

async function writeRecord(world: World): Promise<void> {
  const limits = { timeoutMs: 5000, queryTimeoutMs: 60_000 };
  const message = `select pg_logical_emit_message(true, 'long', repeat('x', ${recordBytes}))`;
  await withConnection(world.lab.node("pg1").url, limits, (connection) => connection.query(message));
}

type Seen = Readonly<{ received: Lsn; replayed: Lsn; receiver: number | null }>;

async function ask(world: World, node: string): Promise<Seen> {
  const [row] = await on(world, node, (connection) =>
    connection.query<Seen & Record<string, unknown>>(
      `select pg_last_wal_receive_lsn()::text as received, pg_last_wal_replay_lsn()::text as replayed,
         (select pid from pg_stat_wal_receiver) as receiver`,
    ),
  );
  return row as Seen;
}

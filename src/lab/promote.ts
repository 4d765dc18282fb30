import { writeFileSync } from "node:fs";
import { BlackstartError } from "../base/error.ts";
import { pollUntil } from "../base/time.ts";
import { type Connection, withConnection } from "../drivers/postgres/connection.ts";
import { lsnAhead, type Lsn } from "../drivers/postgres/lsn.ts";
import { addressFileOf, type LabRecord, type NodeRecord } from "./record.ts";
import { isRunning, isStandby } from "./servers.ts";
import { replicationConninfo } from "./settings.ts";

const timeoutMs = 10_000;
/** Far more than a record takes from one process to another on the same machine. */
const nothingNewMs = 200;
const sendingMaxMs = 2000;

/**
 * Promotes a standby by hand, as somebody at the servers would: without a fence, without a check of what may be lost. The
 * others follow it and the clients are led to it. For trials; `blackstart mitigate failover` is the careful one.
 * @param which a node, or `furthest`: the standby that has received most
 */
export async function promoteByHand(lab: LabRecord, which: string): Promise<{ done: string }> {
  const standbys = lab.nodes.filter((node) => isRunning(node) && isStandby(node));
  const chosen = which === "furthest" ? await furthest(lab, standbys) : standbys.find(({ name }) => name === which);
  if (chosen === undefined)
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `${which === "furthest" ? "No standby can" : `${which} cannot`} be promoted in the lab ${lab.name}.`,
      why:
        standbys.length === 0
          ? "None of its nodes runs as a standby."
          : `The standbys that run are ${standbys.map(({ name }) => name).join(", ")}.`,
      next: "Name one that runs as a standby, or heal what is broken first.",
    });
  // Left alone it looks for its end in steps of 100 ms.
  await onServer(chosen, (connection) => connection.query("select pg_promote(false)"));
  await untilTrue(chosen, "select not pg_is_in_recovery() as yes");
  if (lab.manager.kind === "streaming") writeFileSync(addressFileOf(lab), `127.0.0.1:${chosen.port}\n`);
  await Promise.all(standbys.filter((other) => other !== chosen).map((other) => follow(other, chosen)));
  return { done: `Promoted ${chosen.name}.` };
}

/** The asynchronous one can be ahead of the synchronous one; a standby cannot follow one that is behind it. */
async function furthest(lab: LabRecord, standbys: readonly NodeRecord[]): Promise<NodeRecord | undefined> {
  const primaryRuns = lab.nodes.some((node) => isRunning(node) && !isStandby(node));
  await Promise.all(standbys.map(primaryRuns ? receivedForNow : receivedAll));
  const received = await Promise.all(
    standbys.map((node) =>
      onServer(node, async (connection) => {
        const [row] = await connection.query<{ lsn: Lsn | null }>(
          "select coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text as lsn",
        );
        return { node, lsn: row?.lsn ?? "0/0" };
      }),
    ),
  );
  return received.toSorted((one, other) => lsnAhead(other.lsn, one.lsn))[0]?.node;
}

/** What a dead primary had sent has arrived when its connection ends. */
async function receivedAll(node: NodeRecord): Promise<void> {
  await untilTrue(node, "select not exists (select from pg_stat_wal_receiver where status = 'streaming') as yes");
}

/**
 * Waits until nothing new has come for a moment, as from a primary that hangs. One that goes on sending is not waited for;
 * what it sends later is lost, as it would be.
 */
async function receivedForNow(node: NodeRecord): Promise<void> {
  await onServer(node, async (connection) => {
    let [lastLsn, sinceMs] = ["", performance.now()];
    await pollUntil(
      async () => {
        const [row] = await connection.query<{ streaming: boolean; lsn: string }>(
          `select exists (select from pg_stat_wal_receiver where status = 'streaming') as streaming,
             coalesce(pg_last_wal_receive_lsn()::text, '') as lsn`,
        );
        if (row?.streaming !== true) return true;
        if (row.lsn !== lastLsn) [lastLsn, sinceMs] = [row.lsn, performance.now()];
        return performance.now() - sinceMs >= nothingNewMs ? true : undefined;
      },
      { everyMs: 2, timeoutMs: sendingMaxMs },
    );
  });
}

async function follow(standby: NodeRecord, primary: NodeRecord): Promise<void> {
  const conninfo = `${replicationConninfo(primary.port)} application_name=${standby.name}`;
  await onServer(standby, async (connection) => {
    await connection.query(`alter system set primary_conninfo = '${conninfo.replaceAll("'", "''")}'`);
    await connection.query("select pg_reload_conf()");
  });
}

async function untilTrue(node: NodeRecord, question: string): Promise<void> {
  const answer = await onServer(node, (connection) =>
    pollUntil(async () => ((await connection.query<{ yes: boolean }>(question))[0]?.yes ? true : undefined), {
      everyMs: 2,
      timeoutMs,
    }),
  );
  if (answer) return;
  throw new BlackstartError("LAB_FAILED", {
    what: `${node.name} is not as it should be after ${timeoutMs / 1000} s.`,
    why: `This did not become true: ${question}`,
    next: "See its log; take the lab down and make it anew.",
  });
}

function onServer<T>(node: NodeRecord, use: (connection: Connection) => Promise<T>): Promise<T> {
  return withConnection(node.ownUrl, { timeoutMs }, use);
}

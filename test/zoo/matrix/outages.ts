import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OutageName } from "../recipe.ts";
import { nodesOf } from "../recipe.ts";
import { replicationConninfo } from "../conninfo.ts";
import { until, type Zoo } from "../zoo.ts";
import type { Client } from "./client.ts";

/** What happens to a cluster, and what a person then tells Blackstart to do. */
export type Outage = Readonly<{
  name: OutageName;
  happens: (zoo: Zoo, client: Client) => Promise<void>;
  words: readonly string[];
  /** Whether every server runs afterwards, and follows. */
  isWhole: (zoo: Zoo) => readonly string[];
}>;

const all = (zoo: Zoo) => zoo.nodes;
/** Whose death makes commits wait. */
const synchronousOf = ({ recipe }: Zoo) => recipe.synchronousNodes ?? ["pg2"];

export const outages: readonly Outage[] = [
  {
    name: "failover",
    happens: (zoo) => zoo.kill("pg1"),
    words: ["failover", "ledger"],
    isWhole: all,
  },
  {
    name: "switchover",
    happens: async () => undefined,
    words: ["switchover", "ledger"],
    isWhole: all,
  },
  {
    name: "restart",
    happens: (zoo) => zoo.kill("pg2"),
    words: ["restart", "ledger/pg2"],
    isWhole: all,
  },
  {
    name: "restart-primary",
    happens: (zoo) => zoo.kill("pg1"),
    words: ["restart", "ledger/pg1"],
    isWhole: all,
  },
  {
    name: "rejoin",
    async happens(zoo, client) {
      await client.without(async () => {
        await untilItHasAll(zoo, "pg2", "pg1");
        await zoo.kill("pg1");
        await promoteByHand(zoo);
      });
      await client.writes();
      // Its supervisor starts the old primary once more, and somebody writes to it.
      await zoo.start("pg1");
      await zoo.query("pg1", "set synchronous_commit = local; insert into acknowledged select generate_series(1, 100)");
      await zoo.stop("pg1");
    },
    words: ["rejoin", "ledger/pg1"],
    isWhole: all,
  },
  {
    name: "degrade-synchronous",
    async happens(zoo) {
      for (const node of synchronousOf(zoo)) await zoo.kill(node);
    },
    words: ["degrade-synchronous", "ledger"],
    isWhole: (zoo) => zoo.nodes.filter((node) => zoo.runs(node) && !isBelowDead(zoo, node)),
  },
  {
    name: "demote",
    happens: (zoo, client) => client.without(() => promoteByHand(zoo)),
    words: ["demote", "ledger/pg1"],
    // Who followed the stale primary has nobody now; that is the next plan's.
    isWhole: () => ["pg2"],
  },
];

/** A cascading standby has nobody to follow while its upstream is dead. */
function isBelowDead(zoo: Zoo, node: string): boolean {
  const upstream = nodesOf(zoo.recipe)[node]?.follows;
  return upstream !== undefined && !zoo.runs(upstream);
}

/** The second takes over, as a person does it: promote, drop the promise, move the clients, point the others to it. */
async function promoteByHand(zoo: Zoo): Promise<void> {
  await zoo.query("pg2", "select pg_promote(false)");
  await until("pg2 is promoted", async () => {
    const [row] = await zoo.query("pg2", "select pg_is_in_recovery() as standby");
    return row?.standby === false;
  });
  writeFileSync(zoo.addressFile, `127.0.0.1:${zoo.declaredPort("pg2")}\n`);
  if (nodesOf(zoo.recipe).pg2?.settings?.default_transaction_read_only === "on")
    await set(zoo, "pg2", "default_transaction_read_only", "off");
  for (const node of zoo.nodes.slice(2)) {
    if (nodesOf(zoo.recipe)[node]?.follows !== undefined) continue;
    const conninfo = `${replicationConninfo(zoo, "pg2", node)} ${nodesOf(zoo.recipe)[node]?.conninfo ?? `application_name=${node}`}`;
    await set(zoo, node, "primary_conninfo", conninfo);
  }
}

/** Or another standby may hold more than the one that is promoted, and could not follow it. */
async function untilItHasAll(zoo: Zoo, node: string, primary: string): Promise<void> {
  await until(`${node} has all`, async () => {
    const [end] = await zoo.query(primary, "select pg_current_wal_flush_lsn()::text as lsn");
    const [has] = await zoo.query(node, `select pg_last_wal_receive_lsn() >= '${end?.lsn}'::pg_lsn as all`);
    return has?.all === true;
  });
}

/** In the file, where ALTER SYSTEM is not allowed either. */
async function set(zoo: Zoo, node: string, name: string, value: string): Promise<void> {
  appendFileSync(join(zoo.place(node).data, "postgresql.auto.conf"), `${name} = '${value}'\n`);
  await zoo.query(node, "select pg_reload_conf()");
}

import assert from "node:assert/strict";
import { walPrefix } from "../../support/invariants/wal-prefix.ts";
import { nodesOf } from "../recipe.ts";
import { processesOf } from "../server.ts";
import { until, type Zoo } from "../zoo.ts";
import { acknowledges, portIn } from "./client.ts";

/** One primary that takes the clients' writes, nothing lost, and everybody follows: by a look at the servers themselves. */
export async function assertWell(zoo: Zoo, acknowledged: readonly number[], whole: readonly string[]): Promise<void> {
  const running = zoo.nodes.filter(zoo.runs);
  const answers = await Promise.all(running.map((node) => acknowledges(zoo, node)));
  const primaries = running.filter((_, at) => answers[at]);
  assert.equal(primaries.length, 1, `acknowledge a write: ${primaries.join(", ") || "nobody"}`);
  const primary = primaries[0] as string;
  assert.equal(portIn(zoo.addressFile), zoo.declaredPort(primary), "the clients are sent to another node");
  const there = new Set(
    (await zoo.query(primary, "select id::int as id from acknowledged")).map(({ id }) => Number(id)),
  );
  const lost = acknowledged.filter((id) => !there.has(id));
  assert.deepEqual(lost, [], `${lost.length} of ${acknowledged.length} acknowledged writes are lost`);
  for (const node of whole.filter((name) => name !== primary)) {
    assert.ok(zoo.runs(node), `${node} does not run`);
    await assertFollows(zoo, node, primary);
    await assertPrefix(zoo, node, primary);
  }
}

/** Its WAL is the primary's, byte by byte, as far as it goes. */
async function assertPrefix(zoo: Zoo, node: string, primary: string): Promise<void> {
  const [ahead] = await zoo.query(primary, "select left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline");
  const [behind] = await zoo.query(node, "select received_tli as timeline from pg_stat_wal_receiver");
  if (behind?.timeline === undefined) return; // It lives on the archive.
  const onDisk = (name: string, timeline: number) => ({ node: name, dataDirectory: zoo.place(name).data, timeline });
  const timeline = Number.parseInt(String(ahead?.timeline), 16);
  const verdict = await walPrefix(onDisk(primary, timeline), onDisk(node, Number(behind.timeline)));
  assert.notEqual(verdict.kind, "differs", `the WAL of ${node} is not that of ${primary}: ${JSON.stringify(verdict)}`);
}

/** It replays what the primary writes after this call; where that is late by its owner's wish, once the wish has ended. */
async function assertFollows(zoo: Zoo, node: string, primary: string): Promise<void> {
  const [mark] = await zoo.query(primary, "select pg_current_wal_flush_lsn()::text as lsn");
  const { replaysLate, archiveOnly } = nodesOf(zoo.recipe)[node] ?? {};
  if (archiveOnly) await zoo.query(primary, "select pg_switch_wal()");
  else if (replaysLate) await letReplay(zoo, node);
  const sql = `select pg_last_wal_replay_lsn() >= '${mark?.lsn}'::pg_lsn as has, pg_is_in_recovery() as standby`;
  await until(
    `${node} has what ${primary} wrote`,
    async () => {
      const [row] = await zoo.query(node, sql);
      return row?.has === true && row?.standby === true;
    },
    60_000,
  );
}

async function letReplay(zoo: Zoo, node: string): Promise<void> {
  for (const sql of [
    "alter system set recovery_min_apply_delay = 0",
    "select pg_reload_conf()",
    "select pg_wal_replay_resume()",
  ])
    await zoo.query(node, sql);
}

/** What a refusal must leave untouched: which servers run, who is the primary, what a commit waits for. */
export async function stateOf(zoo: Zoo): Promise<Record<string, unknown>> {
  const states = zoo.nodes.map(async (node) => {
    if (!zoo.runs(node)) return [node, "down"];
    const sql = `select pg_is_in_recovery() as standby, current_setting('synchronous_standby_names') as names,
      current_setting('primary_conninfo') as upstream, pg_postmaster_start_time()::text as since`;
    const [row] = await zoo.query(node, sql);
    return [node, { ...row, postmaster: processesOf(zoo.place(node))[0] }];
  });
  return Object.fromEntries(await Promise.all(states));
}

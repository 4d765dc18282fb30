import assert from "node:assert/strict";
import { cpSync, openSync, writeSync, closeSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { withLab } from "../lab.ts";
import { noPostgres } from "../postgres-versions.ts";
import { acknowledgedAfterFence, unfelt } from "./claims.ts";
import { walPrefix } from "./wal-prefix.ts";
import { hangs, isDurable, longestGapMs, lostOf, twoPrimaries, type Write } from "./writes.ts";

/* Each invariant is seen to fail: what cannot fail proves nothing. */

let ids = 0;
const write = (node: string, sentMs: number, more: Partial<Write> = {}): Write => ({
  id: ++ids,
  node,
  level: "on",
  by: "client",
  sentMs,
  endedMs: sentMs + 2,
  outcome: "acknowledged",
  timeline: node === "pg1" ? 1 : 2,
  names: "*",
  ...more,
});

describe("two primaries", () => {
  const table: readonly [title: string, writes: readonly Write[], lengthMs: number | undefined][] = [
    ["one after the other", [write("pg1", 0), write("pg1", 10), write("pg2", 20), write("pg2", 30)], undefined],
    ["the older goes on", [write("pg1", 0), write("pg2", 20), write("pg1", 30), write("pg2", 40)], 8],
    ["a write that was under way", [write("pg1", 0, { endedMs: 50 }), write("pg2", 20)], undefined],
    ["a write that failed", [write("pg1", 0), write("pg2", 20), write("pg1", 30, { outcome: "failed" })], undefined],
    [
      "back to the first, on a timeline of its own",
      [write("pg1", 0), write("pg2", 20), write("pg1", 40, { timeline: 3 })],
      undefined,
    ],
    [
      "only the prober sees it",
      [write("pg1", 0), write("pg2", 20), write("pg1", 30, { by: "prober" }), write("pg2", 31)],
      8,
    ],
  ];
  for (const [title, writes, lengthMs] of table)
    test(title, () => {
      assert.deepEqual(
        twoPrimaries(writes).map((window) => window.lengthMs),
        lengthMs === undefined ? [] : [lengthMs],
      );
    });
});

test("a write is durable if it waited for a standby, and is lost if the final primary does not have it", () => {
  const table: readonly [Partial<Write>, boolean][] = [
    [{}, true],
    [{ level: "remote_write" }, true],
    [{ level: "local" }, false],
    [{ level: "off" }, false],
    [{ names: "" }, false],
    [{ outcome: "unanswered" }, false],
  ];
  for (const [more, durable] of table) assert.equal(isDurable(write("pg1", 0, more)), durable, JSON.stringify(more));
  const [kept, lost] = [write("pg1", 0), write("pg1", 1)];
  assert.deepEqual(lostOf([kept, lost], new Set([kept.id])), [lost]);
});

test("a gap is the longest time without an acknowledged write of a client, also the last", () => {
  const writes = [write("pg1", 0), write("pg1", 10), write("pg1", 50, { by: "prober" }), write("pg1", 110)];
  assert.equal(longestGapMs(writes, 130), 100);
  assert.equal(longestGapMs(writes, 500), 388);
});

test("a hang counts where neither a fault nor a finding explains it", () => {
  const hung = write("pg1", 0, { endedMs: 5000, outcome: "unanswered" });
  const table: readonly [explained: readonly (readonly [number, number])[], hangs: boolean][] = [
    [[], true],
    [[[0, 5000]], false],
    [[[1000, 4000]], false],
    [[[4000, 9000]], true],
    [
      [
        [1000, 2000],
        [2500, 4000],
      ],
      false,
    ],
  ];
  for (const [explained, isHang] of table) {
    const spans = explained.map(([fromMs, toMs]) => ({ fromMs, toMs }));
    assert.equal(hangs([hung], spans, 3000).length, isHang ? 1 : 0, JSON.stringify(explained));
  }
  assert.deepEqual(hangs([write("pg1", 0)], [], 3000), []);
});

test("a node that was fenced acknowledges nothing more on that timeline", () => {
  const fences = [{ node: "pg1", atMs: 10 }];
  const [before, after] = [write("pg1", 0), write("pg1", 20)];
  assert.deepEqual(acknowledgedAfterFence([before, write("pg2", 30)], fences), []);
  assert.deepEqual(acknowledgedAfterFence([before, after], fences), [after]);
  assert.deepEqual(acknowledgedAfterFence([before, write("pg1", 20, { timeline: 3 })], fences), [], "promoted again");
  assert.deepEqual(acknowledgedAfterFence([before, after], [{ node: "pg1", atMs: 10, untilMs: 15 }]), [], "taken back");
  assert.deepEqual(acknowledgedAfterFence([before, write("pg1", 20, { outcome: "failed" })], fences), []);
});

test("the service works again when a client's write says so", () => {
  const said = [{ incident: "i", atMs: 1000 }];
  const bounds = { patienceMs: 500, disturbedMs: [], endMs: 9000 };
  assert.deepEqual(unfelt(said, [write("pg1", 1200)], bounds), []);
  assert.deepEqual(unfelt(said, [write("pg1", 1600)], bounds), said);
  assert.deepEqual(unfelt(said, [write("pg1", 1200, { by: "prober" })], bounds), said);
  assert.deepEqual(unfelt(said, [], { ...bounds, disturbedMs: [1100] }), []);
  assert.deepEqual(unfelt(said, [], { ...bounds, endMs: 1100 }), []);
});

describe("the WAL of a standby is a prefix of the primary's", { skip: noPostgres }, () => {
  test("a standby that streams; bytes that differ; a branch of its own", () =>
    withLab({}, async (lab) => {
      await ask(lab, "pg1", "create table t as select generate_series(1, 5000) as n");
      await caughtUp(lab, "pg2");
      const primary = { node: "pg1", dataDirectory: lab.node("pg1").dataDirectory, timeline: 1 };
      const standby = { node: "pg2", dataDirectory: lab.node("pg2").dataDirectory, timeline: 1 };
      const healthy = await walPrefix(primary, standby);
      assert.equal(healthy.kind, "prefix");

      const copy = { ...primary, dataDirectory: join(lab.directory, "copy") };
      cpSync(join(primary.dataDirectory, "pg_wal"), join(copy.dataDirectory, "pg_wal"), { recursive: true });
      spoil(copy.dataDirectory);
      assert.equal((await walPrefix(copy, standby)).kind, "differs");

      await ask(lab, "pg3", "select pg_promote(true)");
      await ask(lab, "pg3", "create table branch as select 1 as n");
      const branch = { node: "pg3", dataDirectory: lab.node("pg3").dataDirectory, timeline: 2 };
      assert.match(await whyOf(walPrefix(primary, branch)), /not on the line/);
      // The other way round: what pg2 holds goes on beyond the place where pg3 left timeline 1.
      await ask(lab, "pg1", "create table more as select 1 as n");
      await caughtUp(lab, "pg2");
      assert.match(await whyOf(walPrefix(branch, standby)), /beyond the fork/);
    }));
});

async function whyOf(verdict: ReturnType<typeof walPrefix>): Promise<string> {
  const found = await verdict;
  return found.kind === "prefix" ? "it is a prefix" : found.why;
}

/** A byte in the middle of the oldest segment. */
function spoil(dataDirectory: string): void {
  const folder = join(dataDirectory, "pg_wal");
  const [first = ""] = readdirSync(folder)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .toSorted();
  const file = openSync(join(folder, first), "r+");
  writeSync(file, Buffer.from([0xa5, 0x5a]), 0, 2, 300_001);
  closeSync(file);
}

function ask(lab: Lab, node: string, sql: string): Promise<unknown> {
  return withConnection(lab.node(node).url, {}, (connection) => connection.query(sql));
}

async function caughtUp(lab: Lab, node: string): Promise<void> {
  const [end] = await withConnection(lab.node("pg1").url, {}, (connection) =>
    connection.query<{ lsn: string }>("select pg_current_wal_flush_lsn()::text as lsn"),
  );
  const isThere = await withConnection(lab.node(node).url, {}, (connection) =>
    pollUntil(
      async () => {
        const sql = "select pg_last_wal_receive_lsn() >= $1::pg_lsn as yes";
        const [row] = await connection.query<{ yes: boolean }>(sql, [end?.lsn ?? ""]);
        return row?.yes || undefined;
      },
      { everyMs: 5, timeoutMs: 60_000 },
    ),
  );
  assert.ok(isThere, `${node} has not caught up`);
}

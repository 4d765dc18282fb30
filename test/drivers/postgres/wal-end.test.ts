import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { connect, withConnection } from "../../../src/drivers/postgres/connection.ts";
import { compareWalEnds, type WalEnd } from "../../../src/drivers/postgres/history.ts";
import { lsnAhead } from "../../../src/drivers/postgres/lsn.ts";
import { askWalEnd } from "../../../src/drivers/postgres/wal-end.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { withLab } from "../../support/lab.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";

const standbys = ["asynchronous", "asynchronous"] as const;

for (const { title, binaries, skip } of postgresVersions) {
  describe(`the end of WAL of ${title}`, { skip }, () => {
    test("lies on the timeline that a standby replays, not on the newest whose files it holds", () =>
      withLab({ binaries, standbys }, async (lab) => {
        await sql(lab, "pg2", "select pg_promote()");
        // A leftover of another branch, as a restore or a promotion by hand leaves it: a file with a greater number.
        await sql(lab, "pg3", "copy (select '1	0/100	by hand') to program 'cat >pg_wal/00000009.history'");
        await sql(lab, "pg3", "copy (select 1) to program 'cat >pg_wal/000000090000000000000001'");
        const [primary, promoted, standby] = await ends(lab);
        assert.equal(primary?.timelineId, 1);
        assert.equal(promoted?.timelineId, 2);
        assert.equal(promoted?.ancestors?.length, 1);
        assert.equal(standby?.timelineId, 1);
      }));

    test("is that of its WAL while nothing streams to it any more", () =>
      withLab({ binaries, standbys }, async (lab) => {
        await sql(lab, "pg1", "create role watcher login; grant pg_monitor to watcher");
        await sql(lab, "pg1", "create table t as select generate_series(1, 1000)");
        const written = await sql<{ lsn: string }>(lab, "pg1", "select pg_current_wal_flush_lsn()::text as lsn");
        const received = () => reached(lab, "pg2", written[0]?.lsn ?? "");
        assert.ok(await pollUntil(received, { everyMs: 10, timeoutMs: 60_000 }), "pg2 has received it");
        await sql(lab, "pg2", "alter system set primary_conninfo = 'host=127.0.0.1 port=1'");
        await sql(lab, "pg2", "select pg_reload_conf()");
        const alone = async () =>
          (await sql(lab, "pg2", "select from pg_stat_wal_receiver where pid is not null")).length === 0
            ? true
            : undefined;
        assert.ok(await pollUntil(alone, { everyMs: 10, timeoutMs: 60_000 }), "pg2 receives nothing");
        assert.ok(await reached(lab, "pg2", written[0]?.lsn ?? ""));
        // By SQL as well: among standbys that tell too little, the one without the last acknowledged write may be elected.
        const bySql = await askWalEnd((options) => connect(urlAs(lab, "pg2", "watcher"), options));
        assert.ok(lsnAhead(bySql.lsn, written[0]?.lsn ?? "") >= 0, `${bySql.lsn} is less than it holds`);
        // It may have gone on to a timeline of which its pg_control does not know yet.
        await sql(lab, "pg2", "copy (select '1	0/100	by hand') to program 'cat >pg_wal/0000000A.history'");
        const unsure = await askWalEnd((options) => connect(urlAs(lab, "pg2", "watcher"), options));
        assert.equal(compare(unsure, await endOf(lab, "pg2")), "unknown");
      }));

    test("tells two promotions of one number at one place apart, and from the standby of one of them", () =>
      withLab({ binaries, standbys }, async (lab) => {
        await sql(lab, "pg1", "checkpoint");
        const [before] = await ends(lab);
        const level = async () =>
          (await ends(lab)).every((end) => lsnAhead(end.lsn, before?.lsn ?? "") >= 0) ? true : undefined;
        assert.ok(await pollUntil(level, { everyMs: 10, timeoutMs: 60_000 }), "all hold the same");
        await lab.break("kill-primary");
        await sql(lab, "pg2", "select pg_promote()");
        await sql(lab, "pg3", "select pg_promote()");
        for (const node of ["pg2", "pg3"]) await sql(lab, node, "create table t (i int)");
        const [second, third] = [await endOf(lab, "pg2"), await endOf(lab, "pg3")];
        assert.equal(second?.timelineId, 2);
        assert.equal(third?.timelineId, 2);
        assert.equal(compare(second, third), "diverged");
      }));

    test("is said by SQL where no walsender may be used, and without a history where its file may not be read", () =>
      withLab({ binaries, standbys }, async (lab) => {
        await sql(lab, "pg1", "create role watcher login; grant pg_monitor to watcher");
        await sql(lab, "pg2", "select pg_promote()");
        const first = await askWalEnd((options) => connect(urlAs(lab, "pg1", "watcher"), options));
        assert.equal(first.timelineId, 1);
        assert.equal(compareWalEnds(first, await endOf(lab, "pg1")).kind, "same-line");
        await sql(lab, "pg2", "create role watcher2 login; grant pg_monitor to watcher2");
        const second = await askWalEnd((options) => connect(urlAs(lab, "pg2", "watcher2"), options));
        assert.equal(second.timelineId, 2);
        assert.equal(second.ancestors, undefined);
        assert.equal(compare(second, await endOf(lab, "pg2")), "unknown");
      }));
  });
}

function sql<Row extends object>(lab: Lab, node: string, text: string): Promise<Row[]> {
  return withConnection(lab.node(node).url, {}, (connection) => connection.query<Row>(text));
}

function urlAs(lab: Lab, node: string, role: string): string {
  const url = new URL(lab.node(node).url);
  url.username = role;
  return url.href;
}

function endOf(lab: Lab, node: string): Promise<WalEnd> {
  return askWalEnd((options) => connect(lab.node(node).url, options));
}

function ends(lab: Lab): Promise<WalEnd[]> {
  return Promise.all(lab.nodes.map(({ name }) => endOf(lab, name)));
}

async function reached(lab: Lab, node: string, lsn: string): Promise<true | undefined> {
  return lsnAhead((await endOf(lab, node)).lsn, lsn) >= 0 ? true : undefined;
}

function compare(a: WalEnd | undefined, b: WalEnd | undefined): string {
  return a === undefined || b === undefined ? "missing" : compareWalEnds(a, b).kind;
}

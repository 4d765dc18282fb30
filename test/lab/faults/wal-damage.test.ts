import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { archiveOf } from "../../../src/lab/archive.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { type LabRecord, readRecord } from "../../../src/lab/record.ts";
import { withLab } from "../../support/lab.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";
import { logOf, until } from "./support.ts";

for (const { title, binaries, skip } of postgresVersions)
  describe(`a damaged record in the archive, with ${title}`, { skip }, () => {
    test("stops a standby that restores from it, with the words that were foretold; healed, it goes on", () =>
      withLab({ binaries, standbys: ["asynchronous"], archive: true }, async (lab) => {
        await query(lab, "pg1", "create table numbers (n int)");
        await until(
          async () => (await query(lab, "pg2", "select 1 from pg_class where relname = 'numbers'")).length === 1,
        );
        // What the standby misses is only in the archive when it comes back: the primary has removed its own.
        await lab.break("kill", "pg2");
        await query(lab, "pg1", "alter system set wal_keep_size = 0");
        await query(lab, "pg1", "select pg_reload_conf()");
        const [segment] = await query(lab, "pg1", "select pg_walfile_name(pg_current_wal_lsn()) as name");
        await query(lab, "pg1", "insert into numbers select generate_series(1, 2000)");
        await query(lab, "pg1", "select pg_switch_wal()");
        await query(lab, "pg1", "insert into numbers select generate_series(2001, 4000)");
        await query(lab, "pg1", "select pg_switch_wal()");
        const ofPrimary = `select 1 from pg_ls_waldir() where name <= '${segment?.name}' and length(name) = 24`;
        await until(async () => {
          await query(lab, "pg1", "checkpoint");
          return (await query(lab, "pg1", ofPrimary)).length === 0;
        });
        await until(() => archived(lab).filter((name) => name > String(segment?.name)).length >= 1);

        const { done } = await lab.break("wal-damage", "primary", { segment: String(segment?.name) });
        assert.match(done, /^xl_tot_len of the record at .* is 00 00 00 00 now\./);
        const foretold = /PostgreSQL will say “(.*?)”/.exec(done)?.[1] as string;
        await lab.heal("kill", "pg2");
        await until(() => logOf(lab, "pg2").includes(foretold));
        assert.ok((await count(lab, "pg2")) < 4000);

        await lab.heal("wal-damage");
        assert.deepEqual(
          archived(lab).filter((name) => name.includes("before")),
          [],
        );
        await until(async () => (await count(lab, "pg2")) === 4000);
      }));

    test("is refused where nothing is archived", () =>
      withLab({ binaries, standbys: [], archive: true }, async (lab) => {
        await assert.rejects(lab.break("wal-damage"), { code: "NOT_POSSIBLE_NOW", next: /pg_switch_wal/ });
        await assert.rejects(lab.break("wal-damage", "primary", { segment: "x" }), { code: "USAGE" });
      }));
  });

test("a lab without an archive says how to make one with it", { skip: postgresVersions[1]?.skip }, () =>
  withLab({ standbys: [] }, async (lab) => {
    await assert.rejects(lab.break("wal-damage"), { code: "NOT_POSSIBLE_NOW", next: /lab up --archive/ });
  }),
);

function archived(lab: Lab): readonly string[] {
  return readdirSync(archiveOf(readRecord(lab.directory) as LabRecord) as string);
}

async function count(lab: Lab, node: string): Promise<number> {
  const [row] = await query(lab, node, "select count(*)::int as rows from numbers");
  return Number(row?.rows);
}

function query(lab: Lab, node: string, text: string) {
  return withConnection(lab.node(node).url, { queryTimeoutMs: 20_000 }, (connection) => connection.query(text));
}

import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../src/drivers/postgres/connection.ts";
import { fateOfRepair } from "../../src/recover/repair/fate.ts";
import { crossCheck } from "../../src/recover/repair/images.ts";
import { type RepairReport, repairInvariant } from "../../src/recover/repair/transaction.ts";
import { undoRepair } from "../../src/recover/repair/undo.ts";
import { withFolder } from "../support/folder.ts";
import { fleetOf, servers, systemOf, type TestServer, withServer } from "./support.ts";

/** Tables with everything that makes rows change besides the statement itself. */
const schema = `
  create table accounts (id int primary key, balance numeric not null, changed_at timestamptz default now());
  create table entries (id serial primary key, transfer_id bigint, account int references accounts, amount numeric(12,2));
  create table notes (entry_id int references entries on delete cascade, "Text" text, raw bytea, tags text[], made text generated always as ('m') stored);
  create table parts (id int, day date, primary key (id, day)) partition by range (day);
  create table parts_1 partition of parts for values from ('2026-01-01') to ('2026-02-01');
  create table parts_2 partition of parts for values from ('2026-02-01') to ('2026-03-01');
  create table audit (at timestamptz default clock_timestamp(), what text);
  create function audit() returns trigger language plpgsql security definer as $$ begin
    begin insert into audit (what) values (tg_op || old.id); exception when unique_violation then null; end;
    update accounts set balance = balance - old.amount where id = old.account;
    return old; end $$;
  create trigger audit after delete on entries for each row execute function audit();
  insert into accounts select g, 100 from generate_series(1, 20) g;
  insert into entries (transfer_id, account, amount) select g, 1 + g % 20, x from generate_series(1, 50) g, (values (10), (-10)) as t(x);
  insert into entries (transfer_id, account, amount) values (777, 3, -5), (778, 4, -6.50);
  insert into notes select id, 'note ' || id, '\\x00ff', array['a', null, 'b"c'] from entries;
  insert into parts values (777, '2026-01-10'), (778, '2026-01-11'), (5, '2026-01-12')`;

const violations = "select transfer_id, sum(amount) from entries group by 1 having sum(amount) <> 0";
const all = `select (select json_agg(x order by x::text) from (select 'a', t::text from accounts t union all select 'e', t::text from entries t
  union all select 'n', t::text from notes t union all select 'p', tableoid::regclass || t::text from parts t) x)::text as everything`;

for (const [version, binaries] of servers)
  test(`a repair shows every row it changes, keeps it, and is undone from it, PostgreSQL ${version}`, () =>
    withFolder((folder) =>
      withServer(binaries, folder, {}, async (server) => {
        await server.query(schema);
        const context = { system: systemOf(server.url), fleet: fleetOf(server.url) };
        const file = join(folder, "before-images", "p.jsonl");
        const base = { plan: "p", invariant: "credit", cluster: "ledger", violations, settleMs: 1 };
        const apply = { file, violationsMax: 2, acceptDoubts: false, assertHeld: async () => undefined };
        const dryRun = (...repair: string[]) => repairInvariant(context, { ...base, repair });
        const before = await everything(server);
        const remove = "delete from entries where transfer_id = $transfer_id";
        const movePart = "update parts set day = '2026-02-05' where id = $transfer_id";

        const shown = await dryRun(remove, movePart);
        assert.equal(await everything(server), before);
        assert.deepEqual(shown.doubts, []);
        assert.equal(shown.violations, 2);
        assert.deepEqual(changesOf(shown), {
          accounts: [0, 2, 0],
          audit: [2, 0, 0],
          entries: [0, 0, 2],
          notes: [0, 0, 2],
          parts_1: [0, 0, 2],
          parts_2: [2, 0, 0],
        });
        const account = shown.samples.find(({ table, before: row }) => table.includes("accounts") && row?.id === "3");
        assert.deepEqual([account?.before?.balance, account?.after?.balance], ["100", "105.00"]);

        // Somebody else holds a row by a shared lock: its xmax is a multixact then.
        const other = await server.connect();
        await other.query("begin; select * from accounts where id in (3, 4) for key share");
        const shared = await dryRun(remove);
        assert.deepEqual([changesOf(shared).accounts, shared.doubts], [[0, 2, 0], []]);
        await other.query("rollback");

        // A row touched twice is one change, and said; one that comes and goes is none.
        const twice = await dryRun(
          remove,
          "update accounts set balance = 1 where id = 3; update accounts set balance = 2 where id = 3",
        );
        assert.deepEqual([changesOf(twice).accounts, twice.doubts], [[0, 2, 0], []]);
        assert.match(twice.notes.join(), /more than once/);
        const passing = await dryRun(
          remove,
          "insert into parts values (1, '2026-01-01')",
          "delete from parts where id = 1",
        );
        assert.deepEqual([changesOf(passing).parts_1, passing.doubts], [[0, 0, 0], []]);

        // What cannot be kept is a doubt, and is not committed.
        const ddl = [remove, "do $$ begin truncate audit; end $$"];
        assert.match((await dryRun(...ddl)).doubts.join(), /catalogue pg_class/);
        await assert.rejects(repairInvariant(context, { ...base, repair: ddl, apply }), /not every row/);
        const large = await repairInvariant(context, { ...base, repair: [remove], scanBytesMax: 1 });
        assert.match(large.doubts.join(), /"entries": it has \d+ bytes, more than the 1/);
        await assert.rejects(repairInvariant(context, { ...base, repair: [remove], rowsMax: 3 }), /more than 3 rows/);

        // A repair that does not repair, or that breaks something else, is rolled back.
        await assert.rejects(
          dryRun("update entries set amount = amount where transfer_id = $transfer_id"),
          /2 violations are still there/,
        );
        await assert.rejects(dryRun(remove, "delete from entries where id = 1"), /1 are new/);
        await assert.rejects(dryRun("delete from nowhere where id = $transfer_id"), /nowhere/);
        await assert.rejects(
          repairInvariant(context, { ...base, repair: [remove], apply: { ...apply, violationsMax: 1 } }),
          /2 violations, where 1 were approved/,
        );
        assert.equal(await everything(server), before);
        await assert.rejects(stat(file), { code: "ENOENT" });

        const applied = await repairInvariant(context, { ...base, repair: [remove, movePart], apply });
        assert.deepEqual(changesOf(applied), changesOf(shown));
        assert.match(applied.xid ?? "", /^\d+$/);
        assert.equal((await stat(file)).mode & 0o777, 0o600);
        assert.equal(
          (await readFile(file, "utf8")).trim().split("\n").length,
          1 + 2 + (2 + 2 + 2 + 2) + (2 + 2 + 2) + 1,
        );
        assert.equal((await server.query(violations)).length, 0);
        await assert.rejects(async () => assert.equal(await everything(server), before));

        // Undone; but not over a change that somebody has made since.
        const connection = await connect(server.url);
        await server.query("update accounts set balance = 1000 where id = 3");
        const observer = await connect(server.url);
        const proof = {
          observer,
          file: join(folder, "before-images", "p.undo.jsonl"),
          assertHeld: async () => undefined,
        };
        await assert.rejects(undoRepair(connection, file, proof), /not as the repair left it/);
        await server.query("update accounts set balance = 105.00 where id = 3");
        await undoRepair(connection, file, proof);
        await Promise.all([connection.close(), observer.close()]);
        assert.equal(await fateOfRepair(context, proof.file), "committed");
        assert.equal(await everything(server), before);
      }),
    ));

test(
  "a row that somebody else is changing is waited for, tried again, and never overwritten",
  {
    skip: servers.length === 0 ? "no PostgreSQL server binaries" : false,
  },
  () =>
    withFolder((folder) =>
      withServer(servers[0]?.[1] as string, folder, {}, async (server) => {
        await server.query(schema);
        const context = { system: systemOf(server.url), fleet: fleetOf(server.url) };
        const other = await server.connect();
        await other.query("begin; update entries set amount = -50 where transfer_id = 777");
        const repair = repairInvariant(context, {
          plan: "p",
          invariant: "credit",
          cluster: "ledger",
          violations,
          repair: ["update entries set amount = 0 where transfer_id = $transfer_id and amount = $sum"],
          settleMs: 1,
          apply: {
            file: join(folder, "p.jsonl"),
            violationsMax: 2,
            acceptDoubts: false,
            assertHeld: async () => undefined,
          },
        });
        for (;;) {
          const { rows } = await other.query("select 1 from pg_locks where not granted");
          if (rows.length > 0) break;
        }
        await other.query("commit");
        await other.end();
        // The first attempt failed to serialise; the next one read the violation as it is now.
        const report = await repair;
        assert.deepEqual(
          report.tables.map(({ updated }) => updated),
          [2],
        );
        assert.deepEqual(report.samples.map(({ before: row }) => row?.amount).sort(), ["-50.00", "-6.50"]);
      }),
    ),
);

test("images and statistics are held against each other", () => {
  const counts = (inserted: number, updated: number, deleted: number) => ({ inserted, updated, deleted });
  const agrees = (touched: ReturnType<typeof counts>, before: number, after: number) =>
    crossCheck("t", touched, before, after).doubts.length === 0;
  assert.ok(agrees(counts(1, 2, 3), 5, 3));
  assert.ok(agrees(counts(1, 0, 1), 0, 0), "came and went");
  assert.ok(agrees(counts(0, 5, 0), 2, 2), "touched more than once");
  assert.ok(!agrees(counts(0, 0, 2), 1, 0), "one is missing");
  assert.ok(!agrees(counts(0, 1, 0), 2, 2), "more than were touched");
  assert.ok(!agrees(counts(0, 2, 0), 1, 2), "an image before is missing");
});

async function everything(server: TestServer): Promise<string> {
  return String((await server.query(all))[0]?.everything);
}

function changesOf(report: RepairReport): Record<string, number[]> {
  return Object.fromEntries(
    report.tables.map(({ table, inserted, updated, deleted }) => [
      table.replace(/^"public"\."(.*)"$/, "$1"),
      [inserted, updated, deleted],
    ]),
  );
}

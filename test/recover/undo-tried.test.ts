import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { createExecutor } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { undoPlan } from "../../src/plan/undo.ts";
import { recoveryHandlers } from "../../src/recover/handlers.ts";
import { makeRecoveryPlan } from "../../src/recover/plans.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { withFolder } from "../support/folder.ts";
import { fleetOf, servers, systemOf, type TestServer, withServer } from "./support.ts";

type Case = Readonly<{
  tables: string;
  repair: string;
  violations?: string;
  /** Default: a role that owns the tables and is no superuser. */
  as?: "superuser" | "other";
  /** What the plan says of the undo; `undone`: it is promised, and keeps the promise. */
  expected: RegExp | "undone";
  says?: RegExp;
}>;

const violations = "select id, amount from t where amount < 0";
const touch = `create function touch() returns trigger language plpgsql as $$ begin new.changed_at = clock_timestamp(); return new; end $$`;

const cases: Readonly<Record<string, Case>> = {
  "a key that is generated always": {
    tables: "create table t (id bigint generated always as identity primary key, amount int)",
    repair: "update t set amount = 0 where id = $id",
    expected: "undone",
  },
  "a key that is generated always, of a row that was deleted": {
    tables: "create table t (id bigint generated always as identity primary key, amount int)",
    repair: "delete from t where id = $id",
    expected: "undone",
  },
  "a generated column, a domain, an array": {
    tables: `create domain positive as int check (value > -100);
      create table t (id int primary key, amount positive, twice int generated always as (amount * 2) stored, a text[] default '{a,null}')`,
    repair: "update t set amount = 0, a = '{}' where id = $id",
    expected: "undone",
  },
  "a trigger that sets updated_at, for the owner": {
    tables: `create table t (id int primary key, amount int, changed_at timestamptz default now()); ${touch};
      create trigger touch before update on t for each row execute function touch()`,
    repair: "update t set amount = 0 where id = $id",
    expected: /a trigger, a rule or a cascade of "public"."t" changes what is put back/,
  },
  "the same for a superuser, who may keep it from firing": {
    tables: `create table t (id int primary key, amount int, changed_at timestamptz default now()); ${touch};
      create trigger touch before update on t for each row execute function touch()`,
    repair: "update t set amount = 0 where id = $id",
    as: "superuser",
    expected: "undone",
    says: /keeps triggers from firing/,
  },
  "rights on one column": {
    tables:
      "create table t (id int primary key, amount int, secret int default 5); grant select, update (amount) on t to other",
    repair: "update t set amount = 0 where id = $id",
    as: "other",
    expected: "undone",
  },
  "no right to insert what the repair deletes": {
    tables: "create table t (id int primary key, amount int); grant select, update, delete on t to other",
    repair: "delete from t where id = $id",
    as: "other",
    expected: /permission denied for table t/,
  },
  "a trigger that keeps rows from being deleted": {
    tables: `create table t (id int primary key, amount int); create table corrections (id int, note text);
      create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger keep before delete on corrections for each row execute function keep()`,
    repair: "with x as (insert into corrections values ($id, 'set to 0')) update t set amount = 0 where id = $id",
    expected: /of "public"."corrections" changes what is put back/,
  },
  "a rule that does nothing instead": {
    tables: `create table t (id int primary key, amount int); create table corrections (id int);
      create rule keep as on delete to corrections do instead nothing`,
    repair: "with x as (insert into corrections values ($id)) update t set amount = 0 where id = $id",
    expected: /corrections/,
  },
  "a cascade that would take rows that the repair leaves alone": {
    tables: `create table t (id int unique, amount int);
      create table lines (id int primary key, t int references t (id) on delete cascade);
      insert into lines select g, g from generate_series(1, 3) g`,
    repair: "update t set amount = 0 where id = $id",
    expected: /a trigger, a rule or a cascade of "public"."lines" changes what is put back/,
  },
  "a table without a primary key": {
    tables: "create table t (id int, amount int, note text default 'x')",
    repair: "update t set amount = 0 where id = $id",
    expected: "undone",
  },
  "a partition that a row moves out of": {
    tables: `create table t (id int, amount int, primary key (id, amount)) partition by range (amount);
      create table t_low partition of t for values from (minvalue) to (0); create table t_high partition of t for values from (0) to (maxvalue)`,
    repair: "update t set amount = 7 where id = $id",
    expected: "undone",
  },
  "a view, a deferred constraint, parents and children": {
    tables: `create table t (id int primary key, amount int);
      create table lines (id int primary key, t int references t deferrable initially deferred);
      insert into lines select g, g from generate_series(1, 3) g; create view v as select * from t`,
    repair: "delete from lines where t = $id; delete from v where id = $id".replace(
      "delete from lines where t = $id; delete",
      "with x as (delete from lines where t = $id) delete",
    ),
    expected: "undone",
  },
  "a trigger that writes down what is changed": {
    tables: `create table t (id int primary key, amount int); create table audit (what text);
      create function note() returns trigger language plpgsql as $$ begin insert into audit values (tg_op); return null; end $$;
      create trigger note after update on t for each row execute function note()`,
    repair: "update t set amount = 0 where id = $id",
    expected: "undone",
    says: /"audit": 2 rows are added by the undo itself/,
  },
};

const rows = `insert into t (amount) values (-1), (-2), (3)`;
const rowsWithId = `insert into t (id, amount) values (1, -1), (2, -2), (3, 3)`;

for (const [version, binaries] of servers)
  test(`what a plan says of its undo was tried, PostgreSQL ${version}`, (context) =>
    withFolder((folder) =>
      withServer(binaries, folder, {}, async (server) => {
        await server.query("create role owner login; create role other login");
        for (const [index, [name, one]] of Object.entries(cases).entries())
          await context.test(name, () => inDatabase(server, `case_${index}`, (client) => tried(client, one)));
        await context.test("a foreign key is never broken by an undo that keeps triggers from firing", () =>
          inDatabase(server, "keys", unbroken),
        );
      }),
    ));

type Database = Readonly<{ urlAs(role: string): string; query(text: string): Promise<Record<string, unknown>[]> }>;

/** A database of its own for each, in one server: to make a server takes seconds. */
async function inDatabase(server: TestServer, name: string, use: (database: Database) => Promise<void>): Promise<void> {
  await server.query(`create database ${name}`);
  const urlAs = (role: string) => server.url.replace("blackstart@", `${role}@`).replace(/postgres$/, name);
  const client = new pg.Client({ connectionString: urlAs("blackstart") });
  await client.connect();
  try {
    await client.query("grant all on schema public to owner, other");
    await use({ urlAs, query: async (text) => (await client.query(text)).rows });
  } finally {
    await client.end();
  }
}

async function unbroken(database: Database): Promise<void> {
  await database.query(`create table t (id int primary key, amount int, changed_at timestamptz default now()); ${touch};
    create trigger touch before update on t for each row execute function touch();
    create table fixes (id int primary key); create table uses (fix int references fixes); ${rowsWithId}`);
  await withPlan(database.urlAs("blackstart"), fixing, async ({ plan, run, undo }) => {
    assert.equal(plan.steps[0]?.undoable, true, plan.risk.statements.join());
    await run();
    await database.query("insert into uses values (1)");
    const before = await database.query("select * from t order by id");
    const result = await undo();
    assert.equal(result.outcome, "stopped");
    assert.match(result.state, /foreign key/);
    assert.deepEqual(await database.query("select * from t order by id"), before);
    assert.equal((await database.query("select 1 from uses join fixes on fix = id")).length, 1);
  });
}

const fixing = "with x as (insert into fixes values ($id)) update t set amount = 0 where id = $id";

async function tried(database: Database, one: Case): Promise<void> {
  const fill = /generated always as identity/.test(one.tables) ? rows : rowsWithId;
  const [tables = "", ...children] = one.tables.split(/;\s*(?=insert into)/);
  await database.query(["set role owner", tables, fill, ...children, "reset role"].join(";"));
  const before = await contents(database);
  const role = one.as === "superuser" ? "blackstart" : (one.as ?? "owner");
  await withPlan(database.urlAs(role), one.repair, async ({ plan, run, undo }) => {
    assert.deepEqual(await contents(database), before, "the dry run changed something");
    const said = plan.risk.statements.join("\n");
    if (one.says !== undefined) assert.match(said, one.says);
    await run();
    assert.notDeepEqual(await contents(database), before);
    if (one.expected === "undone") {
      assert.match(said, /`blackstart plan undo` puts them back/);
      const result = await undo();
      assert.equal(result.outcome, "undone", result.state);
      assert.deepEqual(await contents(database), before);
      return;
    }
    const { expected } = one;
    assert.match(said, expected);
    assert.doesNotMatch(said, /puts them back/);
    assert.equal(plan.steps[0]?.undoable, undefined);
    await assert.rejects(undo(), (error: Error & { why: string }) => expected.test(error.why));
  });
}

type Planned = Readonly<{ plan: Plan; run(): Promise<void>; undo(): ReturnType<typeof undoPlan> }>;

async function withPlan(url: string, repair: string, use: (planned: Planned) => Promise<void>): Promise<void> {
  await withFolder((home) => planned(url, repair, use, home));
}

async function planned(
  url: string,
  repair: string,
  use: (planned: Planned) => Promise<void>,
  home: string,
): Promise<void> {
  const timeline = await openSqliteTimeline(join(home, "timeline.db"));
  const invariants = { sound: { cluster: "ledger", violations, repair, settle: "1ms" } };
  const context = { system: systemOf(url, { invariants }), fleet: fleetOf(url), timeline, home };
  const handlers = registryOf(...recoveryHandlers(context));
  const plan = await makeRecoveryPlan(
    { kind: "repair-invariant", subject: { kind: "invariant", name: "sound" } },
    context,
  );
  assert.ok("steps" in plan, JSON.stringify(plan));
  const executor = createExecutor({ timeline, handlers });
  await executor.store(plan, "person:test");
  await use({
    plan,
    run: async () => {
      const { outcome, state } = await executor.run(plan.id, "person:test", "flag");
      assert.equal(outcome, "done", state);
    },
    undo: () => undoPlan({ timeline, handlers }, plan.id, "person:test", "flag"),
  });
  await timeline.close();
}

/** Every row of every table but what triggers write down. */
async function contents(database: Database): Promise<readonly unknown[]> {
  const tables = await database.query(
    "select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'audit' order by 1",
  );
  return Promise.all(
    tables.map(async ({ name }) => [name, await database.query(`select x::text from ${name} x order by 1`)]),
  );
}

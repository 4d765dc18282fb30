import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { sharedLab } from "./support.ts";

describe("a fault of the data", { skip: noPostgres }, () => {
  const shared = noPostgres === false ? sharedLab({ standbys: ["asynchronous"] }) : undefined;
  const using = (use: (lab: Lab) => Promise<void>) => () => use((shared as () => Lab)());

  test(
    "half-transfer debits one account and credits nobody",
    using(async (lab) => {
      await query(lab, 'create table "Konten" ("Nr" int primary key, balance numeric not null)');
      await query(lab, 'insert into "Konten" values (1, 500), (2, 500)');
      const named = { table: '"Konten"', key: "Nr", account: "2", amount: "70.5" };
      const { done } = await lab.break("half-transfer", undefined, named);
      assert.match(done, /^Debited 70.5 from account 2/);
      assert.deepEqual(await query(lab, 'select balance::float from "Konten" order by "Nr"'), [
        { balance: 500 },
        { balance: 429.5 },
      ]);
      await assert.rejects(lab.break("half-transfer", undefined, { ...named, account: "3" }), {
        code: "NOT_POSSIBLE_NOW",
        message: /0 rows .* nothing was debited/,
      });
      await assert.rejects(lab.break("half-transfer", undefined, { ...named, amount: "-1" }), { code: "USAGE" });
      await assert.rejects(lab.heal("half-transfer"), { code: "NOT_POSSIBLE_NOW", why: /^Credit what was debited/ });
    }),
  );

  test(
    "drop-table drops it, with what depends on it only where that is said; a name cannot do more",
    using(async (lab) => {
      await query(lab, 'create table "a;b" (n int)');
      await query(lab, 'create view seen as select * from "a;b"');
      await assert.rejects(lab.break("drop-table", undefined, { table: '"a;b"' }), { details: { sqlstate: "2BP01" } });
      await assert.rejects(lab.break("drop-table", undefined, { table: "x; drop view seen" }), {
        code: "QUERY_FAILED",
      });
      await lab.break("drop-table", undefined, { table: '"a;b"', cascade: "yes" });
      assert.deepEqual(await query(lab, "select 1 from pg_class where relname in ('a;b', 'seen')"), []);
    }),
  );

  test(
    "sql runs what it is given, there where it is said, and believes it only when it shows",
    using(async (lab) => {
      await lab.break("sql", undefined, {
        statement: "create table ordered (n int); insert into ordered values (1), (2)",
        expect: "select count(*) = 2 from ordered",
      });
      await assert.rejects(lab.break("sql", "standby", { statement: "delete from ordered" }), {
        details: { sqlstate: "25006" },
      });
      await assert.rejects(lab.break("sql", undefined, { statement: " " }), {
        code: "USAGE",
        why: /statement: .*Needed/,
      });
      assert.equal((await query(lab, "select 1 from ordered")).length, 2);
    }),
  );

  test(
    "keys cannot expire where there is no cache",
    using(async (lab) => {
      await assert.rejects(lab.break("expire-keys"), {
        code: "NOT_POSSIBLE_NOW",
        next: /expendable: true/,
      });
    }),
  );
});

function query(lab: Lab, text: string) {
  return withConnection(lab.node("pg1").url, { queryTimeoutMs: 10_000 }, (connection) => connection.query(text));
}

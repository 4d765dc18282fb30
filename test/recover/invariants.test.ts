import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../src/drivers/postgres/connection.ts";
import type { RecoveryFleet } from "../../src/recover/context.ts";
import { lookAtInvariant, lookForViolations } from "../../src/recover/invariants.ts";
import { withFolder } from "../support/folder.ts";
import { creditInvariant, fleetOf, ledgerTables, servers, systemOf, withServer } from "./support.ts";

const newest = servers.at(-1);
const skip = newest === undefined ? "no PostgreSQL server binaries" : false;

test("violations are found twice or not at all; wrong SQL is said clearly", { skip }, () =>
  withFolder((folder) =>
    withServer(newest?.[1] as string, folder, {}, async (server) => {
      await server.query(ledgerTables);
      const look = (invariants: Record<string, object>, name = "one") =>
        lookAtInvariant({ system: systemOf(server.url, { invariants }), fleet: fleetOf(server.url) }, name);

      const found = await look({ one: creditInvariant });
      assert.equal(found.count, 2);
      assert.deepEqual(
        [...found.samples].sort((a, b) => Number(a.transfer_id) - Number(b.transfer_id)),
        [
          { transfer_id: "777", sum: "-5.00" },
          { transfer_id: "778", sum: "-6.50" },
        ],
      );
      assert.equal(found.finding?.severity, "critical");
      assert.deepEqual(found.finding?.remedy, {
        kind: "repair-invariant",
        subject: { kind: "invariant", name: "one" },
      });

      // One that is put right between the two looks is work in progress, and so is one that comes then.
      let transactions = 0;
      const between: RecoveryFleet = {
        ...fleetOf(server.url),
        connect: async (cluster, node, options) => {
          const connection = await fleetOf(server.url).connect(cluster, node, options);
          const query: Connection["query"] = async (text, values, queryOptions) => {
            const rows = await connection.query(text, values, queryOptions);
            // The first transaction asks for the columns; with the second the first look is over.
            if (text === "rollback" && ++transactions === 2)
              await server.query("insert into entries (transfer_id, amount) values (777, 5), (999, 1)");
            return rows as never;
          };
          return { ...connection, query };
        },
      };
      const settled = await lookAtInvariant(
        { system: systemOf(server.url, { invariants: { one: creditInvariant } }), fleet: between },
        "one",
      );
      assert.equal(settled.count, 1);
      assert.equal(settled.samples[0]?.transfer_id, "778");
      assert.equal(settled.passing, 2);

      const holds = await look({ one: { ...creditInvariant, violations: "select 1 as transfer_id where false" } });
      assert.deepEqual([holds.count, holds.finding], [0, undefined]);
      const many = await look({
        one: { cluster: "ledger", violations: "select * from generate_series(1, 12345) n", settle: "1ms" },
      });
      assert.deepEqual([many.count, many.samples.length, many.finding?.remedy], [12345, 20, undefined]);

      const wrong: [object, RegExp][] = [
        [{ violations: "selec 1" }, /SQL of the invariant one failed.*syntax error/],
        [{ violations: "select * from nowhere" }, /relation "nowhere" does not exist/],
        [
          { violations: "with d as (delete from entries returning *) select transfer_id from d" },
          /must be at the top level/,
        ],
        [{ violations: "select setval('entries_id_seq', 1) as transfer_id" }, /read-only transaction/],
        [{ violations: "select 1 as a; select 2" }, /not one query/],
        [{ repair: "delete from entries where id = $nothing" }, /names \$nothing, which is no column/],
        [{ repair: "commit" }, /begins with “commit”/],
        [{ repair: "truncate entries" }, /begins with “truncate”/],
        [{ repair: "delete from entries where id = $1" }, /numbered parameter/],
      ];
      for (const [change, message] of wrong)
        await assert.rejects(look({ one: { ...creditInvariant, ...change } }), { message }, JSON.stringify(change));
      await assert.rejects(look({ one: creditInvariant }, "onne"), /onne/);
      assert.deepEqual(await server.query("select count(*)::int as n from entries where transfer_id < 700"), [
        { n: 100 },
      ]);
      const all = {
        system: systemOf(server.url, { invariants: { a: creditInvariant, b: creditInvariant } }),
        fleet: fleetOf(server.url),
      };
      assert.equal((await lookForViolations(all)).length, 2);

      // One wrong query hides nothing that the others find.
      const invariants = { a: { ...creditInvariant, violations: "select 1 / 0" }, b: creditInvariant };
      const some = { ...all, system: systemOf(server.url, { invariants }) };
      await assert.rejects(lookForViolations(some), /division by zero/);
      const failures: string[] = [];
      const looks = await lookForViolations(some, { failed: ({ message }) => failures.push(message) });
      assert.deepEqual(
        looks.map(({ invariant }) => invariant),
        ["b"],
      );
      assert.match(failures.join("\n"), /^The SQL of the invariant a failed: .*division by zero$/);
    }),
  ),
);

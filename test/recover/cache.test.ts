import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lookAtCache } from "../../src/recover/cache.ts";
import { keyPattern } from "../../src/recover/cache/keys.ts";
import { purgeCache } from "../../src/recover/cache/purge.ts";
import { withFolder } from "../support/folder.ts";
import { redisBinary, withRedis } from "./redis.ts";
import { fleetOf, servers, systemOf, withServer } from "./support.ts";

const binary = await redisBinary();
const postgres = servers.at(-1)?.[1];
const skip =
  binary === undefined
    ? "no redis-server, and it could not be installed"
    : postgres === undefined
      ? "no PostgreSQL server binaries"
      : false;

const entry = {
  keys: "balance:{account}",
  cluster: "ledger",
  query: "select id::text as account, balance::text as value from accounts where id = any($1::bigint[])",
};

test("an identifier read back from its key is the one that was put in", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 5 }),
      fc.string({ minLength: 1 }),
      fc.string({ maxLength: 5 }),
      (before, id, after) => {
        fc.pre(!/[{}]/.test(before + after));
        const pattern = keyPattern(`${before}{id}${after}`);
        assert.equal(pattern.identifierOf(`${before}${id}${after}`), id);
      },
    ),
  );
  assert.equal(keyPattern("a*b[{x}]?").glob, "a\\*b\\[*\\]\\?");
  assert.equal(keyPattern("b:{x}:z").identifierOf("b:1"), undefined);
  assert.throws(() => keyPattern("{a}:{b}"), /cannot be read back/);
});

test("wrong entries are found at two looks and removed only while they are wrong", { skip }, () =>
  withFolder((folder) =>
    withServer(postgres as string, folder, {}, (server) =>
      withRedis(binary as string, `${folder}/redis`, async ({ url, client, kill }) => {
        await server.query("create table accounts (id bigint primary key, balance numeric(12,2))");
        await server.query("insert into accounts select g, g from generate_series(1, 3000) g");
        for (let at = 1; at <= 3000; at++) await client.set(`balance:${at}`, `${at}.00`);
        await client.mSet({
          "balance:7": "0.00",
          "balance:8": "8",
          "balance:9999": "1.00",
          "balance:foo": "x",
          other: "y",
        });
        await client.hSet("balance:5000", "f", "v");
        const caches = { balances: { redis: url, entries: [entry] } };
        const context = { system: systemOf(server.url, { caches }), fleet: fleetOf(server.url) };
        const options = { settleMs: 10, batch: 200 };

        const look = await lookAtCache(context, "balances", options);
        const [counts] = look.entries;
        assert.deepEqual(
          [counts?.wrong, counts?.orphaned, counts?.unreadable, counts?.otherTypes],
          [2, 1, 1, { hash: 1 }],
        );
        assert.equal(counts?.samples.find(({ key }) => key === "balance:7")?.expected, "7.00");
        assert.deepEqual(look.finding?.remedy, { kind: "purge-cache", subject: { kind: "cache", name: "balances" } });

        // Put right between the two looks: no error.
        const slow = lookAtCache(context, "balances", { ...options, settleMs: 600 });
        await client.set("balance:8", "8.00");
        assert.equal((await slow).entries[0]?.wrong, 1);

        // A right value, written after it was found wrong and before it is removed, survives.
        let raced = false;
        const purged = await purgeCache(context, "balances", {
          ...options,
          assertHeld: async () => {
            if (!raced) await client.set("balance:7", "7.00");
            raced = true;
          },
        });
        assert.deepEqual([purged.removed, purged.changedMeanwhile, purged.budgetReached], [1, 1, false]);
        assert.equal(await client.get("balance:7"), "7.00");
        assert.equal(await client.get("balance:9999"), null);
        assert.equal(await client.get("balance:foo"), "x");
        assert.equal(await client.get("balance:1"), "1.00");
        assert.equal((await lookAtCache(context, "balances", options)).finding, undefined);

        // A budget ends it; what is left is found by the next run. A lost lease changes nothing more.
        for (let at = 100; at < 150; at++) await client.set(`balance:${at}`, "wrong");
        const lost = { ...options, assertHeld: () => Promise.reject(new Error("lost")) };
        await assert.rejects(purgeCache(context, "balances", lost), /lost/);
        const first = await purgeCache(context, "balances", { ...options, budget: 20 });
        assert.deepEqual([first.removed, first.budgetReached], [20, true]);
        assert.equal((await purgeCache(context, "balances", options)).removed, 30);

        const broken = (query: string) =>
          lookAtCache(
            {
              ...context,
              system: systemOf(server.url, { caches: { b: { redis: url, entries: [{ ...entry, query }] } } }),
            },
            "b",
            options,
          );
        await assert.rejects(
          broken("select id::text as account from accounts where id = any($1::bigint[])"),
          /no column “value”/,
        );
        await assert.rejects(
          broken("select * from nowhere where id = any($1::bigint[])"),
          /query of the cache b failed/,
        );
        await assert.rejects(
          broken(
            "update accounts set balance = 0 where id = any($1::bigint[]) returning id::text as account, '0' as value",
          ),
          /cannot execute UPDATE in a read-only transaction/,
        );
        assert.equal((await server.query("select from accounts where balance = 0")).length, 0);

        // The server goes away between the two looks.
        await client.set("balance:7", "wrong");
        const interrupted = lookAtCache(context, "balances", { ...options, settleMs: 500 });
        const refused = assert.rejects(interrupted, { code: "UNREACHABLE" });
        await kill();
        await refused;
      }),
    ),
  ),
);

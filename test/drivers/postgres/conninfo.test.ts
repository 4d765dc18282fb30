import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asLibpqReadsIt } from "../../../src/drivers/postgres/connection.ts";
import { addressOf, aimedAt, formatConninfo, parseConninfo } from "../../../src/drivers/postgres/conninfo.ts";

test("keywords, quotes and escapes are understood", () => {
  assert.deepEqual(parseConninfo(String.raw`host=10.0.0.1 port = 5433 password='it\'s a \\' user=a\ b `), {
    host: "10.0.0.1",
    port: "5433",
    password: "it's a \\",
    user: "a b",
  });
});

test("a URI is understood", () => {
  assert.deepEqual(parseConninfo("postgresql://rep:p%40ss@[::1]:5433/ledger?application_name=pg2"), {
    host: "::1",
    port: "5433",
    user: "rep",
    password: "p@ss",
    dbname: "ledger",
    application_name: "pg2",
  });
});

test("aimed at another server, everything but the address is kept", () => {
  const old = parseConninfo("user=rep hostaddr=10.0.0.1 host=db1 port=5432 password='a b' sslmode=require");
  assert.deepEqual(aimedAt(old, { host: "db2", port: 6000 }), {
    host: "db2",
    port: "6000",
    user: "rep",
    password: "a b",
    sslmode: "require",
  });
});

test("aimed at another server, the hostaddr of a service file does not count", () => {
  const aimed = aimedAt(parseConninfo("service=ledger application_name=pg2"), { host: "db2", port: 6000 });
  assert.deepEqual(aimed, { host: "db2", port: "6000", hostaddr: "", service: "ledger", application_name: "pg2" });
  assert.deepEqual(parseConninfo(formatConninfo(aimed)), aimed);
});

test("what is written is read back the same", () => {
  const key = fc.stringMatching(/^[a-z][a-z_]*$/);
  fc.assert(
    fc.property(fc.dictionary(key, fc.string(), { noNullPrototype: true }), (one) =>
      assert.deepEqual(parseConninfo(formatConninfo(one)), one),
    ),
  );
});

test("a wrong string is refused without being shown", () => {
  assert.throws(
    () => parseConninfo("password='secret"),
    (error: Error) => error instanceof SyntaxError && !error.message.includes("secret"),
  );
});

test("the address of a url", () => {
  assert.deepEqual(addressOf("postgres://blackstart@10.0.0.1/ledger"), { host: "10.0.0.1", port: 5432 });
  assert.deepEqual(addressOf("postgres://u@/d?host=/run/pg&port=5433"), { host: "/run/pg", port: 5433 });
});

for (const [url, read] of [
  ["postgres://h/d", "postgres://h/d"],
  ["postgres://h/d?sslmode=require", "postgres://h/d?uselibpqcompat=true&sslmode=require"],
  [
    "postgres://h/d?application_name=a&sslmode=verify-ca",
    "postgres://h/d?uselibpqcompat=true&application_name=a&sslmode=verify-ca",
  ],
  ["postgres://h/d?uselibpqcompat=false&sslmode=require", "postgres://h/d?uselibpqcompat=false&sslmode=require"],
] as const)
  test(`the driver reads ${url} as libpq does`, () => assert.equal(asLibpqReadsIt(url), read));

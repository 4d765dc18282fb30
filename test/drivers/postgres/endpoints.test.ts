import assert from "node:assert/strict";
import { test } from "node:test";
import {
  aimsOf,
  endpointsOf,
  isLoopback,
  isSameServer,
  ledAstrayBy,
  ledAstrayByUrl,
  namesIn,
  readEndpoint,
  sourcesUnder,
} from "../../../src/drivers/postgres/endpoints.ts";
import { addressOf } from "../../../src/drivers/postgres/conninfo.ts";
import { endpoint } from "../../../src/system/address.ts";

/* Which server an address means, however it is written. */

for (const [replication, expected] of [
  ["host=10.0.0.1 port=6432 user=r", "10.0.0.1:6432"],
  ["port=6432 host=10.0.0.1", "10.0.0.1:6432"],
  ["hostaddr=10.0.0.1 user=r", "10.0.0.1:5432"],
  ["host = '10.0.0.1' port = '6432'", "10.0.0.1:6432"],
  ["application_name='my host=x' host=10.0.0.1", "10.0.0.1:5432"],
  ["postgresql://r@10.0.0.1:6432/?sslmode=require", "10.0.0.1:6432"],
  ["port=6432 user=r", "pg1:6432"],
  ["user=r", undefined],
] as const)
  test(`\`replication: ${replication}\` leads to ${expected ?? "the url's address"}`, () => {
    const own = "pg1:5432";
    const declared = { url: "postgres://u@PG1/d", replication };
    assert.deepEqual(endpointsOf(declared), expected === undefined ? [own] : [own, expected]);
  });

for (const [conninfo, aims] of [
  ["host=PG1.internal", [["pg1.internal:5432"]]],
  ["host=pg1,pg2 port=5433", [["pg1:5433"], ["pg2:5433"]]],
  ["host=pg1,pg2 port=5433,", [["pg1:5433"], ["pg2:5432"]]],
  ["host=pg1 hostaddr=10.0.0.1 port=5433", [["pg1:5433", "10.0.0.1:5433"]]],
  ["hostaddr=fd00:0::2", [["[fd00::2]:5432"]]],
  ["postgresql://r@[fd00::2]:5433/", [["[fd00::2]:5433"]]],
  ["host='/run/pg'", [["/run/pg:5432"]]],
  ["host=pg1 hostaddr=''", [["pg1:5432"]]],
  ["service=ledger", []],
  ["", []],
  ["host='broken", []],
] as const)
  test(`primary_conninfo '${conninfo}' is aimed at ${aims.join(" and ") || "nothing that we know of"}`, () =>
    assert.deepEqual(aimsOf(conninfo), aims));

const resolved = { "pg1.internal": ["10.0.0.1", "[fd00::1]"], pg1: ["10.0.0.1"], local: ["127.0.1.1"] };

for (const [one, other, same] of [
  ["pg1.internal:5432", "10.0.0.1:5432", true],
  ["pg1.internal:5432", "pg1:5432", true],
  ["pg1.internal:5432", "[fd00::1]:5432", true],
  ["pg1.internal:5432", "10.0.0.1:5433", undefined],
  ["pg1.internal:5432", "10.0.0.2:5432", undefined],
  ["nobody-knows:5432", "10.0.0.1:5432", undefined],
  ["nobody-knows:5432", "nobody-knows:5432", true],
] as const)
  test(`${one} and ${other}: ${same ? "one server" : "not known"}`, () => {
    assert.equal(isSameServer(one, other, resolved), same);
    assert.equal(isSameServer(other, one, resolved), same);
  });

test("what a server says of its sender, and a file of the primary, is read as an endpoint", () => {
  assert.equal(readEndpoint("fd00:0::2:5432"), endpoint("fd00::2", 5432));
  assert.equal(readEndpoint("[fd00::2]:5432\n"), endpoint("fd00::2", 5432));
  assert.equal(readEndpoint("PG1.internal"), "pg1.internal:5432");
  assert.equal(readEndpoint("::ffff:10.0.0.1:5433"), "10.0.0.1:5433");
  assert.equal(readEndpoint("fe80::1%eth0:5432"), "[fe80::1%eth0]:5432");
  const { host, port } = addressOf("postgres://u@[FD00::2]/d");
  assert.equal(endpoint(host, port), "[fd00::2]:5432");
});

test("only names are resolved, and an address of its own machine is known as one", () => {
  assert.deepEqual(namesIn(["pg1:5432", "pg1:5433", "10.0.0.1:5432", "[fd00::1]:5432", "/run/pg:5432"]), ["pg1"]);
  assert.ok(
    ["127.0.0.1:1", "[::1]:1", "localhost:1", "/run/pg:1", "local:1"].every((one) => isLoopback(one, resolved)),
  );
  assert.ok(!isLoopback("pg1:5432", resolved));
});

test("a standby may be aimed at its primary, by either address of it, and at the upstream of a cascade", () => {
  const nodes = {
    one: { url: "postgres://u@a/d", replication: "host=10.0.0.1 port=6432 user=r" },
    two: { url: "postgres://u@b/d" },
    three: { url: "postgres://u@c/d", follows: "two" },
  };
  assert.deepEqual(sourcesUnder("one", nodes), ["a:5432", "10.0.0.1:6432", "b:5432"]);
  assert.deepEqual(sourcesUnder("two", nodes), ["b:5432"]);
});

const [here, there, alsoThere] = ["local:", "ssh://root@db2", "ssh://postgres@db2"];
const beside = (host: string) => ({ two: { url: "postgres://u@db2/d", host } });
const socket = { url: "postgres:///d?host=/run/pg", host: here };

for (const [what, one, host, expected] of [
  ["a Unix socket", socket, there, ["two"]],
  ["no host at all", { url: "postgres://u@/d", host: here }, there, ["two"]],
  ["a tunnel of ours", { url: "postgres://localhost:15432/d", host: there }, here, ["two"]],
  ["127.0.0.1, and all on one machine", { url: "postgres://127.0.0.1/d", host: here }, "local", []],
  ["::1, and both on one machine, as other accounts", { url: "postgres://[::1]/d", host: there }, alsoThere, []],
  ["a name", { url: "postgres://db1/d", host: here }, there, []],
  ["a socket, but another address for replication", { ...socket, replication: "host=db1 user=r" }, there, []],
  [
    "an address of its own for replication, and a url of loopback",
    { ...socket, replication: "host=127.0.0.1 port=1" },
    there,
    [],
  ],
  ["the same, as a url", { ...socket, replication: "postgres://r@db1" }, there, []],
  ["a socket, and only another user for replication", { ...socket, replication: "user=r" }, there, ["two"]],
  ["a socket, and no machine declared", { url: socket.url }, there, []],
] as const)
  test(`who would be led to itself by the url of another node: ${what}`, () =>
    assert.deepEqual(ledAstrayBy("one", { one, ...beside(host) }), expected));

test("what is declared for replication does not make a url lead to its node from elsewhere", () =>
  assert.deepEqual(ledAstrayByUrl("one", { one: { ...socket, replication: "host=db1" }, ...beside(there) }), ["two"]));

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Claimant,
  nameAsStandby,
  nameBySettings,
  nameInReceiver,
  nodesBehind,
  type SenderRow,
} from "../../../src/drivers/postgres/names.ts";

const settings: readonly (readonly [primaryConninfo: string, clusterName: string, name: string | undefined])[] = [
  ["host=10.0.0.1 application_name=pg2", "15/main", "pg2"],
  ["host=10.0.0.1", "15/main", "15/main"],
  ["host=10.0.0.1", "", "walreceiver"],
  ["host=10.0.0.1 application_name='it''s'", "", undefined],
  [String.raw`host=10.0.0.1 application_name='it\'s, here' port=1`, "", "it's, here"],
  ["postgres://u@10.0.0.1/?application_name=a%20b%2Fc", "", "a b/c"],
  ["host=10.0.0.1 service=ledger", "15/main", undefined],
  ["", "15/main", undefined],
];

for (const [primaryConninfo, clusterName, name] of settings)
  test(`by its settings (${primaryConninfo || "nothing to be seen"}; cluster_name “${clusterName}”): ${name}`, () => {
    assert.equal(nameBySettings({ primaryConninfo, clusterName }), name);
  });

/* As PostgreSQL 15 answers: values without quotes. */
const receivers: readonly (readonly [conninfo: string | null, name: string | undefined])[] = [
  [
    "user=r passfile=/x/.pgpass channel_binding=prefer dbname=replication host=10.0.0.1 port=5432 fallback_application_name=15/main sslmode=prefer sslcompression=0",
    "15/main",
  ],
  [
    "user=r host=10.0.0.1 application_name=a b, c fallback_application_name=15/main keepalives=1 sslmode=prefer",
    "a b, c",
  ],
  ["host=10.0.0.1 fallback_application_name=walreceiver", "walreceiver"],
  ["user='r' password='s' host='10.0.0.1' application_name='pg1'", undefined],
  [null, undefined],
];

for (const [conninfo, name] of receivers)
  test(`by its receiver (${conninfo}): ${name}`, () => assert.equal(nameInReceiver(conninfo), name));

test("a former primary: as it is set to, else as the others are named, else as PostgreSQL names it", () => {
  const named = { primaryConninfo: "host=a application_name=pg2", clusterName: "" };
  const unnamed = { primaryConninfo: "host=a", clusterName: "15/main" };
  assert.equal(nameAsStandby("pg1", { primaryConninfo: "application_name=first", clusterName: "" }, [named]), "first");
  assert.equal(nameAsStandby("pg1", { primaryConninfo: "", clusterName: "15/main" }, [named]), "pg1");
  assert.equal(nameAsStandby("pg1", { primaryConninfo: "", clusterName: "15/main" }, [unnamed]), "15/main");
  assert.equal(nameAsStandby("pg1", { primaryConninfo: "", clusterName: "" }, [unnamed]), "walreceiver");
});

const row = (
  applicationName: string,
  clientAddress: string | null = null,
  slotName: string | null = null,
): SenderRow => ({
  applicationName,
  clientAddress,
  slotName,
});
const one = (node: string, name: string | null, more: Partial<Claimant> = {}): Claimant => ({
  node,
  name,
  host: null,
  slot: null,
  streamsHere: true,
  ...more,
});

const placed: readonly (readonly [
  string,
  readonly SenderRow[],
  readonly Claimant[],
  readonly (readonly string[])[],
])[] = [
  [
    "by the names that they say they have",
    [row("b"), row("a")],
    [one("pg1", "a"), one("pg2", "b")],
    [["pg2"], ["pg1"]],
  ],
  ["a node's name in the file is not its name", [row("pg2")], [one("pg2", "15/main")], [[]]],
  ["a node that does not say its name is known by the file's", [row("PG2")], [one("pg2", null)], [["pg2"]]],
  ["or by its address", [row("x", "10.0.0.2")], [one("pg2", null, { host: "10.0.0.2" }), one("pg3", null)], [["pg2"]]],
  [
    "one name, two addresses",
    [row("15/main", "10.0.0.3"), row("15/main", "10.0.0.2")],
    [one("pg2", "15/main", { host: "10.0.0.2" }), one("pg3", "15/main", { host: "10.0.0.3" })],
    [["pg3"], ["pg2"]],
  ],
  [
    "one name, one address: which is which cannot be told",
    [row("m", "::1"), row("m", "::1")],
    [one("pg2", "m", { host: "::1" }), one("pg3", "m", { host: "::1" })],
    [
      ["pg2", "pg3"],
      ["pg2", "pg3"],
    ],
  ],
  [
    "one name, one address, slots",
    [row("m", "::1", "s3"), row("m", "::1", "s2")],
    [one("pg2", "m", { slot: "s2" }), one("pg3", "m", { slot: "s3" })],
    [["pg3"], ["pg2"]],
  ],
  [
    "it streams from another server: who has its name here is a stranger",
    [row("a")],
    [one("pg1", "a", { streamsHere: false })],
    [[]],
  ],
  [
    "two of one name, one at the node's address",
    [row("a", "10.0.0.9"), row("a", "10.0.0.1")],
    [one("pg1", "a", { host: "10.0.0.1" })],
    [[], ["pg1"]],
  ],
  [
    "by another address than ours (two networks)",
    [row("a", "192.168.0.1")],
    [one("pg1", "a", { host: "10.0.0.1" })],
    [["pg1"]],
  ],
];

for (const [what, rows, claimants, expected] of placed)
  test(`who is behind a row: ${what}`, () => assert.deepEqual(nodesBehind(rows, claimants), expected));

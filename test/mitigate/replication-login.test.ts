import assert from "node:assert/strict";
import { test } from "node:test";
import { loginFrom } from "../../src/mitigate/steps/replication-conninfo.ts";

const sources = {
  declared: undefined,
  url: "postgres://blackstart:ours@b/postgres",
  left: "user=repl passfile=/b/pgpass sslmode=require",
  before: "",
  credentials: { user: "blackstart", password: "ours" },
  isBeside: false,
} as const;

const cases: readonly (readonly [what: string, given: Partial<Parameters<typeof loginFrom>[0]>, expected: object])[] = [
  ["the primary's password file, on another machine: it is not there", {}, { user: "repl", sslmode: "require" }],
  [
    "the primary's password file, on the same machine",
    { isBeside: true },
    { user: "repl", sslmode: "require", passfile: "/b/pgpass" },
  ],
  [
    "the node's own password file",
    { before: "user=repl passfile=/a/pgpass" },
    { user: "repl", sslmode: "require", passfile: "/a/pgpass" },
  ],
  [
    "the node's own password",
    { before: "user=repl password=secret" },
    { user: "repl", sslmode: "require", password: "secret" },
  ],
  ["the node's own, of another user", { before: "user=other password=secret" }, { user: "repl", sslmode: "require" }],
  [
    "what is declared, with its password",
    { declared: "host=b user=r password=p", before: "user=repl password=secret" },
    { host: "b", user: "r", password: "p" },
  ],
  [
    "nothing but the url's credentials",
    { left: "", url: "postgres://blackstart@b/" },
    {
      host: "b",
      user: "blackstart",
      password: "ours",
    },
  ],
];

for (const [what, given, expected] of cases)
  test(`how a node logs in to the primary: ${what}`, () => {
    assert.deepEqual(loginFrom({ ...sources, ...given }), expected);
  });

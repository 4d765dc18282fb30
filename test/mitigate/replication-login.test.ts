import assert from "node:assert/strict";
import { test } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { firstLetIn, loginsFrom } from "../../src/mitigate/steps/replication-conninfo.ts";

const sources = {
  declared: undefined,
  url: "postgres://blackstart:ours@b/postgres",
  left: "user=repl passfile=/b/pgpass sslmode=require",
  before: "",
  credentials: { user: "blackstart", password: "ours" },
  isBeside: false,
} as const;

const cases: readonly (readonly [
  what: string,
  given: Partial<Parameters<typeof loginsFrom>[0]>,
  expected: readonly object[],
])[] = [
  [
    "the primary's files, on another machine: with them, should they be there as well, then without",
    { left: "user=repl passfile=/b/pgpass sslcert=/b/crt sslkey=/b/key sslmode=require" },
    [
      { user: "repl", sslmode: "require", passfile: "/b/pgpass", sslcert: "/b/crt", sslkey: "/b/key" },
      { user: "repl", sslmode: "require" },
    ],
  ],
  [
    "the primary's password file, on the same machine",
    { isBeside: true },
    [{ user: "repl", sslmode: "require", passfile: "/b/pgpass" }],
  ],
  [
    "the node's own password file, should the primary's not be there",
    { before: "user=repl passfile=/a/pgpass" },
    [
      { user: "repl", sslmode: "require", passfile: "/b/pgpass" },
      { user: "repl", sslmode: "require", passfile: "/a/pgpass" },
    ],
  ],
  [
    "the node's own password",
    { left: "user=repl sslmode=require", before: "user=repl password=secret" },
    [{ user: "repl", sslmode: "require", password: "secret" }],
  ],
  [
    "the node's own, of another user",
    { left: "user=repl sslmode=require", before: "user=other password=secret" },
    [{ user: "repl", sslmode: "require" }],
  ],
  [
    "what is declared, with its password",
    { declared: "host=b user=r password=p", before: "user=repl password=secret" },
    [{ host: "b", user: "r", password: "p" }],
  ],
  [
    "nothing but the url's credentials",
    { left: "", url: "postgres://blackstart@b/" },
    [{ host: "b", user: "blackstart", password: "ours" }],
  ],
  [
    "the database of the primary's, over which failover slots are kept in step",
    { left: "user=repl dbname=postgres" },
    [{ user: "repl", dbname: "postgres" }],
  ],
  [
    "the database of the node's own, where what is declared names none",
    { declared: "host=b user=r", before: "user=other dbname=postgres" },
    [{ host: "b", user: "r", dbname: "postgres" }],
  ],
  [
    "a primary_conninfo that nobody can read",
    { left: "user='", before: "host" },
    [{ host: "b", user: "blackstart", password: "ours", dbname: "postgres" }],
  ],
];

for (const [what, given, expected] of cases)
  test(`how a node logs in to the primary where its own primary_conninfo is of no use: ${what}`, () => {
    assert.deepEqual(loginsFrom({ ...sources, ...given }), expected);
  });

const [own, first, second] = [{ user: "own" }, { user: "first" }, { user: "second" }];
const failure = (code: "HOST_COMMAND_FAILED" | "NOT_POSSIBLE_NOW", why: string) =>
  new BlackstartError(code, { what: "", why, next: "" });
const rejected = failure("HOST_COMMAND_FAILED", "FATAL:  no pg_hba.conf entry for replication connection");
const unreachable = failure("HOST_COMMAND_FAILED", "Connection refused");
const noProgram = failure("NOT_POSSIBLE_NOW", "There is no psql.");

const choices: readonly (readonly [
  what: string,
  Readonly<{
    own?: Readonly<Record<string, string>>;
    refused?: boolean;
    answers: Readonly<Record<string, string | Error>>;
  }>,
  user: string,
])[] = [
  ["its own is let in", { own, answers: { own: "1|1", first: "1|1" } }, "own"],
  ["its own is let in, whatever its log said before", { own, refused: true, answers: { own: "1|1" } }, "own"],
  ["its own is refused, another is not", { own, answers: { own: rejected, first: rejected, second: "1|1" } }, "second"],
  ["nobody is let in", { own, answers: { own: rejected, first: rejected, second: rejected } }, "own"],
  ["nobody is there", { own, answers: { own: unreachable, first: "1|1" } }, "own"],
  ["nothing can be tried", { own, answers: { own: noProgram } }, "own"],
  [
    "nothing can be tried, and its log says that its own is refused",
    { own, refused: true, answers: { own: noProgram } },
    "second",
  ],
  ["it has none, and the files of the other are not there", { answers: { first: rejected, second: "1|1" } }, "second"],
  [
    "it has none, and nothing can be tried: no file of another is relied on",
    { answers: { first: noProgram } },
    "second",
  ],
];

for (const [what, { answers, ...given }, user] of choices)
  test(`which login a node takes: ${what}`, async () => {
    const tryLogin = async (asked: Readonly<Record<string, string>>) => {
      assert.equal(asked.dbname, "replication", "that is what password files name");
      const answer = answers[asked.user ?? ""];
      if (typeof answer === "string") return answer;
      throw answer ?? new Error(`${asked.user} was tried`);
    };
    const chosen = await firstLetIn(
      { tryLogin },
      { own: undefined, refused: false, ...given, others: [first, second] },
    );
    assert.equal(chosen.conninfo.user, user);
  });

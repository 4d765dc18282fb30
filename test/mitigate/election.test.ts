import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { WalEnd } from "../../src/drivers/postgres/history.ts";
import { lsnAhead, lsnText } from "../../src/drivers/postgres/lsn.ts";
import { type Candidate, elect, type Needs } from "../../src/mitigate/election.ts";

/** `2@500<1@400`: on timeline 2 up to 500, which left timeline 1 at 400. `2@500`: its history is not known. */
function end(text: string): WalEnd {
  const [tip = "", ...parents] = text.split("<");
  const parts = (one: string) => one.split("@") as [string, string];
  const ancestors = parents.map((one) => ({ timelineId: Number(parts(one)[0]), endLsn: `0/${parts(one)[1]}` }));
  const [timeline, lsn] = parts(tip);
  const known = timeline === "1" || parents.length > 0;
  return { timelineId: Number(timeline), lsn: `0/${lsn}`, ancestors: known ? ancestors.toReversed() : undefined };
}

const candidate = (node: string, text?: string, promoted = false): Candidate => ({
  node,
  end: text === undefined ? undefined : end(text),
  promoted,
});

/** The candidates as `pg2 1@500`, with `!` for one that is promoted already; who is elected, or why nobody is. */
type Case = readonly [
  name: string,
  candidates: readonly string[],
  expected: string | RegExp,
  needs?: Needs,
  to?: string,
];

const on1: Needs = { line: end("1@100") };

const cases: readonly Case[] = [
  ["nobody answers", [], /No candidate that answers/],
  ["the furthest, although it is not the synchronous one", ["pg2 1@10", "pg3 1@20"], "pg3"],
  ["a tie is decided by the order", ["pg2 1@10", "pg3 1@10"], "pg2"],
  ["a tie, and a choice", ["pg2 1@10", "pg3 1@10"], "pg3", {}, "pg3"],
  ["a choice that is behind", ["pg2 1@10", "pg3 1@20"], /pg2, which was chosen, lacks 16 bytes that pg3/, {}, "pg2"],
  ["the same, accepted", ["pg2 1@10", "pg3 1@20"], "pg2", { acceptLoss: true }, "pg2"],
  ["the same, and it has all that was acknowledged", ["pg2 1@10", "pg3 1@20"], "pg2", { complete: ["pg2"] }, "pg2"],
  ["a choice that does not answer", ["pg3 1@20"], /pg2, which was chosen, cannot be promoted/, {}, "pg2"],
  ["a dead branch with a greater timeline and more bytes", ["pg2 1@90", "pg3 2@99<1@50"], "pg2", on1],
  ["a dead branch of which the choice is", ["pg2 1@90", "pg3 2@99<1@50"], /pg3, which was chosen/, on1, "pg3"],
  ["the branch is the line", ["pg2 1@90", "pg3 2@60<1@50"], "pg3", { line: end("2@50<1@50") }],
  ["promoted since the plan was made, with all that the old primary had", ["pg2 1@90", "pg3 2@99<1@90"], /since/, on1],
  ["left behind before the line began", ["pg2 1@40", "pg3 2@60<1@50"], "pg3", { line: end("2@50<1@50") }],
  ["two branches, and no line", ["pg2 2@90<1@50", "pg3 3@99<1@60"], /different branches/],
  ["two branches of a line that ended before them", ["pg2 2@90<1@50", "pg3 3@99<1@60"], /different branches/, on1],
  ["two promotions of one number at two places", ["pg2 2@90<1@50", "pg3 2@99<1@60"], /different branches/, on1],
  ["only a branch is left", ["pg3 2@99<1@50"], /No candidate .* pg3 is on another branch/, { line: end("3@90<1@40") }],
  ["histories that nobody tells", ["pg2 2@90", "pg3 2@99"], /history of timeline 2 cannot be read/],
  ["one of them would not tell", ["pg2 1@10", "pg3"], "pg2", on1],
  ["promoted before an interruption", ["pg2 1@90", "pg3 2@95<1@90!"], "pg3", on1],
  ["a member has gone silent", ["pg3 1@10"], /pg2 no longer answers/, { of: ["pg2"], missingMax: 0 }],
  ["one may be silent", ["pg3 1@10"], "pg3", { of: ["pg2", "pg3"], missingMax: 1 }],
  ["nobody has so much any more", ["pg2 1@10"], /received up to 0\/20/, { received: "0/20" }],
  ["somebody has so much", ["pg2 1@20"], "pg2", { received: "0/20" }],
  [
    "what a branch has received does not count",
    ["pg2 1@60", "pg3 2@99<1@50"],
    /received up to 0\/90/,
    { ...on1, received: "0/90" },
  ],
  [
    "a member on a branch is as good as silent",
    ["pg2 1@60", "pg3 2@99<1@50"],
    /pg3 no longer answers/,
    { ...on1, of: ["pg3"], missingMax: 0 },
  ],
];

for (const [name, texts, expected, needs = {}, to] of cases)
  test(`election: ${name}`, () => {
    const candidates = texts.map((text) => {
      const [node = "", where] = text.replace("!", "").split(" ");
      return candidate(node, where, text.endsWith("!"));
    });
    const election = elect(candidates, needs, to);
    if (typeof expected === "string") assert.equal(election.kind === "elected" && election.candidate.node, expected);
    else assert.match(election.kind === "nobody" ? election.why : election.candidate.node, expected);
  });

test("whoever is elected has at least as much as every other on the same timeline", () => {
  const any = fc.record({ lsn: fc.bigInt(0n, 1n << 40n).map(lsnText), node: fc.string({ minLength: 1 }) });
  fc.assert(
    fc.property(fc.array(any, { minLength: 1 }), (some) => {
      const ends = some.map(({ lsn }) => ({ timelineId: 1, lsn, ancestors: [] }));
      const election = elect(
        some.map(({ node }, at) => ({ node, end: ends[at], promoted: false })),
        {},
      );
      assert.ok(election.kind === "elected");
      const { lsn } = election.candidate.end;
      assert.ok(ends.every((one) => lsnAhead(lsn, one.lsn) >= 0));
    }),
  );
});

test("of those that have received as much, one that has little left to replay", () => {
  const busy = { ...candidate("pg2", "1@10"), toReplayBytes: 2 ** 30 };
  const elected = (...all: readonly Candidate[]) => {
    const election = elect(all, {});
    return election.kind === "elected" ? election.candidate.node : election.why;
  };
  assert.equal(elected(busy, candidate("pg3", "1@10")), "pg3");
  assert.equal(elected(busy, candidate("pg3", "1@9")), "pg2");
  assert.equal(elected({ ...busy, toReplayBytes: 1000 }, candidate("pg3", "1@10")), "pg2");
  assert.equal(elected(busy, { ...candidate("pg3", "1@10"), toReplayBytes: 2 ** 31 }), "pg2");
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  compareWalEnds,
  mayFollow,
  olderLine,
  parseHistory,
  type WalEnd,
} from "../../../src/drivers/postgres/history.ts";
import { lsnText } from "../../../src/drivers/postgres/lsn.ts";

/** `2@500 < 1@400`: on timeline 2 up to 500, which left timeline 1 at 400. */
function end(text: string, origin?: string): WalEnd {
  const [tip, ...ancestors] = text.split(" < ").map((part) => {
    const [timeline, at] = part.split("@");
    return { timelineId: Number(timeline), endLsn: `0/${at}` };
  });
  if (tip === undefined) throw new Error(text);
  return {
    timelineId: tip.timelineId,
    lsn: tip.endLsn,
    ancestors: ancestors.toReversed(),
    ...(origin === undefined ? {} : { origin }),
  };
}

const rows: readonly (readonly [name: string, a: WalEnd, b: WalEnd, expected: string])[] = [
  ["the same end", end("1@500"), end("1@500"), "same line, ahead 0"],
  ["behind on one timeline", end("1@400"), end("1@500"), "same line, ahead -256"],
  ["ahead on one timeline", end("1@500"), end("1@400"), "same line, ahead 256"],
  ["an ancestor, up to the fork", end("1@400"), end("2@500 < 1@400"), "same line, ahead -256"],
  ["an ancestor, short of the fork", end("1@300"), end("2@500 < 1@400"), "same line, ahead -512"],
  ["beyond the fork", end("1@500"), end("2@440 < 1@400"), "diverged at 1@0/400: a 256, b 64"],
  [
    "beyond the fork, though further than the new one",
    end("1@900"),
    end("2@440 < 1@400"),
    "diverged at 1@0/400: a 1280, b 64",
  ],
  ["nothing written after the promotion", end("1@500"), end("2@400 < 1@400"), "diverged at 1@0/400: a 256, b 0"],
  ["two promotions of one number", end("2@500 < 1@300"), end("2@500 < 1@400"), "diverged at 1@0/300: a 512, b 512"],
  [
    "a dead branch with the greater number",
    end("3@500 < 1@300"),
    end("2@500 < 1@400"),
    "diverged at 1@0/300: a 512, b 512",
  ],
  ["branches of one fork", end("3@500 < 1@400"), end("2@500 < 1@400"), "diverged at 1@0/400: a 256, b 256"],
  ["a later branch of a branch", end("3@500 < 2@400 < 1@300"), end("2@380 < 1@300"), "same line, ahead 384"],
  [
    "left a branch before its end",
    end("3@500 < 2@400 < 1@300"),
    end("2@480 < 1@300"),
    "diverged at 2@0/400: a 256, b 128",
  ],
  [
    "one place, one number, another promotion",
    end("2@500 < 1@400", "aa"),
    end("2@600 < 1@400", "bb"),
    "diverged at 1@0/400: a 256, b 512",
  ],
  [
    "one place, one number, one promotion",
    end("2@500 < 1@400", "aa"),
    end("2@600 < 1@400", "aa"),
    "same line, ahead -256",
  ],
  ["a history that cannot be read", { ...end("2@500"), ancestors: undefined }, end("1@500"), "unknown"],
  ["one number and no history", { ...end("2@500"), ancestors: undefined }, end("2@500 < 1@400"), "unknown"],
  ["no ancestor in common", end("2@500"), end("3@500"), "unknown"],
];

describe("comparing two ends of WAL", () => {
  for (const [name, a, b, expected] of rows)
    it(name, () => {
      assert.equal(words(a, b), expected);
    });

  it("says the same of both the other way round", () => {
    for (const [name, a, b] of rows) {
      const [there, back] = [compareWalEnds(a, b), compareWalEnds(b, a)];
      assert.equal(there.kind, back.kind, name);
      if (there.kind === "same-line" && back.kind === "same-line")
        assert.equal(there.aheadBytes + back.aheadBytes, 0, name);
      if (there.kind === "diverged" && back.kind === "diverged") {
        assert.deepEqual(there.fork, back.fork, name);
        assert.equal(there.beyondBytes.a, back.beyondBytes.b, name);
      }
    }
  });

  it("lets a standby follow on its own line only, and never one that is behind it", () => {
    assert.equal(mayFollow(end("1@400"), end("2@500 < 1@400")), true);
    assert.equal(mayFollow(end("1@401"), end("2@500 < 1@400")), false);
    assert.equal(mayFollow(end("1@500"), end("1@400")), false);
    assert.equal(mayFollow({ ...end("2@500"), ancestors: undefined }, end("1@500")), "unknown");
  });

  /** A history as the bytes that were written: every server is a path in a tree, so the longest common prefix decides. */
  for (const [name, a, b, older] of [
    ["the one that stayed on its timeline", end("1@500"), end("2@440 < 1@400"), "a"],
    ["and that wrote nothing since", end("2@440 < 1@400"), end("1@400"), "b"],
    ["the greater number, when it stayed", end("3@900 < 1@300"), end("4@700 < 3@600 < 1@300"), "a"],
    ["neither of two that both left", end("2@500 < 1@300"), end("3@500 < 1@300"), undefined],
    ["nor of two with one number", end("2@500 < 1@300"), end("2@500 < 1@400"), undefined],
    ["nor where a history cannot be read", { ...end("2@500"), ancestors: undefined }, end("3@500 < 1@300"), undefined],
  ] as const)
    it(`calls the older line ${name}`, () => {
      assert.equal(olderLine(a, b), older && { a, b }[older]);
      assert.equal(olderLine(b, a), older && { a, b }[older]);
    });

  it("agrees with the WAL itself, whatever was promoted where", () => {
    const step = fc.record({ from: fc.nat(20), keep: fc.nat(40), write: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (story) => {
        const servers = play(story);
        for (const a of servers)
          for (const b of servers) {
            const shared = sharedOf(a.bytes, b.bytes);
            const isSame = shared === Math.min(a.bytes.length, b.bytes.length);
            const compared = compareWalEnds(a.end, b.end);
            // A branch on which nothing was written yet is the end of what it left, and no branch of its own.
            if (isSame) assert.notEqual(compared.kind, "unknown");
            if (!isSame) {
              assert.equal(compared.kind, "diverged");
              if (compared.kind === "diverged") assert.equal(compared.fork.endLsn, lsnText(BigInt(shared)));
            }
          }
      }),
      { numRuns: 2000 },
    );
  });
});

type Server = Readonly<{ bytes: readonly string[]; end: WalEnd }>;

/** Each step: a copy of an earlier server, cut back as a lagging standby is, is promoted and writes; numbers are unique. */
function play(story: readonly Readonly<{ from: number; keep: number; write: number }>[]): readonly Server[] {
  const first = {
    bytes: Array.from({ length: 40 }, () => "1"),
    end: { timelineId: 1, lsn: lsnText(40n), ancestors: [] },
  };
  const servers: Server[] = [first];
  for (const [at, { from, keep, write }] of story.entries()) {
    const parent = servers[from % servers.length] ?? first;
    const begin = parent.end.ancestors?.at(-1)?.endLsn ?? "0/0";
    const cut = Math.max(Number.parseInt(begin.slice(2), 16), Math.min(keep, parent.bytes.length));
    const timelineId = at + 2;
    const left = { timelineId: parent.end.timelineId, endLsn: lsnText(BigInt(cut)) };
    const bytes = [...parent.bytes.slice(0, cut), ...Array.from({ length: write + 1 }, () => String(timelineId))];
    const ancestors = [...(parent.end.ancestors ?? []), left];
    servers.push({ bytes, end: { timelineId, lsn: lsnText(BigInt(bytes.length)), ancestors } });
  }
  return servers;
}

function sharedOf(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at === -1 ? a.length : at;
}

function words(a: WalEnd, b: WalEnd): string {
  const compared = compareWalEnds(a, b);
  switch (compared.kind) {
    case "same-line":
      return `same line, ahead ${compared.aheadBytes}`;
    case "diverged":
      return `diverged at ${compared.fork.timelineId}@${compared.fork.endLsn}: a ${compared.beyondBytes.a}, b ${compared.beyondBytes.b}`;
    case "unknown":
      return "unknown";
  }
}

describe("a timeline history file", () => {
  it("names each ancestor and where it was left", () => {
    const text = "# a comment\n1\t0/3000148\tno recovery target specified\n\n3\t2/A0\tbefore 2026-11-30 02:00:00+00\n";
    assert.deepEqual(parseHistory(text), [
      { timelineId: 1, endLsn: "0/3000148" },
      { timelineId: 3, endLsn: "2/A0" },
    ]);
  });
  for (const text of ["1\n", "one\t0/300\tx\n", "1\t300\tx\n", "2\t0/300\tx\n1\t0/400\tx\n"])
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseHistory(text), SyntaxError);
    });
});

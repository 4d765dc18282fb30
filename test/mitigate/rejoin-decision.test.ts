import assert from "node:assert/strict";
import { test } from "node:test";
import type { FollowReason } from "../../src/drivers/postgres/follow-reason.ts";
import type { Following } from "../../src/drivers/postgres/following.ts";
import { decideRejoin, type Remedy, type RejoinSituation, whatIsLeft } from "../../src/mitigate/rejoin-decision.ts";

/* Each situation, and what is done in it until nothing fits any more, when nothing helps. */

const follows = (kind: Following["kind"]): Pick<RejoinSituation, "server" | "following"> => ({
  server: "standby",
  following: { kind, why: "x", behindBytes: 1, delayMs: 1, receivedLsn: "0/2", replayedLsn: "0/1" } as Following,
});
const because = (kind: FollowReason["kind"]) => ({ reason: { kind, said: `FATAL:  ${kind}` } });
const otherTimeline = { sharesTimeline: false, canRewind: true };

const down: RejoinSituation = {
  server: "down",
  history: "unknown",
  sharesTimeline: true,
  crashed: false,
  canRewind: true,
};

const cases: readonly [what: string, situation: Partial<RejoinSituation>, done: string][] = [
  ["it follows", follows("follows"), "done"],
  ["it catches up", follows("catching-up"), "done"],
  ["somebody paused its replay", follows("replay-paused"), "done"],
  ["it is meant to be late", follows("delayed"), "done"],
  ["it restores from an archive by choice", follows("archive-only"), "done"],
  ["it follows another standby, and commits wait for it", { ...follows("follows"), aside: "pg2" }, "aim leave"],
  [
    "it has diverged beside another standby",
    { ...follows("diverged"), ...otherTimeline, aside: "pg2" },
    "keep+rewind keep+clone leave",
  ],

  ["it takes writes itself", { server: "primary" }, "leave"],
  ["it answers, and not to us", { server: "closed-to-us" }, "leave"],
  ["there is no data", { server: "no-data" }, "clone leave"],

  ["it is not connected, and nobody knows why", follows("not-connected"), "aim leave"],
  ["it is a standby of nobody", follows("follows-nobody"), "aim leave"],
  ["the connection hangs", follows("receives-nothing"), "aim leave"],
  ["it replays nothing", follows("replays-nothing"), "leave"],
  ...(["not-let-in", "role", "password", "tls", "address", "slot", "busy", "conninfo"] as const).map(
    (kind): [string, Partial<RejoinSituation>, string] => [
      `a server that serves, and ${kind}`,
      { ...follows("not-connected"), ...because(kind) },
      "aim leave",
    ],
  ),
  ...(["disk-full", "other-system", "settings"] as const).map((kind): [string, Partial<RejoinSituation>, string] => [
    `a server that serves, and ${kind}`,
    { ...follows("not-connected"), ...because(kind) },
    "leave",
  ]),

  ["its WAL is gone", { ...follows("not-connected"), ...because("wal-gone") }, "clone leave"],
  ["diverged on another timeline", { ...follows("diverged"), ...otherTimeline }, "keep+rewind keep+clone leave"],
  ["diverged on the primary's own timeline: never rewound", follows("diverged"), "keep+clone leave"],
  ["diverged, and no pg_rewind", { ...follows("diverged"), ...otherTimeline, canRewind: false }, "keep+clone leave"],
  [
    "only its log says that it has diverged",
    { ...follows("not-connected"), ...because("diverged"), ...otherTimeline },
    "keep+rewind keep+clone leave",
  ],
  [
    "its log says so, and the histories do not: that is over",
    { ...follows("not-connected"), ...because("diverged"), ...otherTimeline, history: "on-line" },
    "aim leave",
  ],

  ["it starts", { server: "starting" }, "leave"],
  ["it starts, and waits for WAL that it cannot fetch", { server: "starting", ...because("address") }, "start leave"],
  ["it starts, and its WAL is gone", { server: "starting", ...because("wal-gone") }, "clone leave"],
  ["it hangs", { server: "hanging" }, "start leave"],

  ["down in order", {}, "start leave"],
  ["down, and diverged by its files", { history: "diverged", ...otherTimeline }, "keep+rewind keep+clone leave"],
  ["a primary that crashed", { crashed: true, ...otherTimeline }, "keep+rewind keep+clone leave"],
  ["a primary that crashed on the very timeline", { crashed: true }, "keep+clone leave"],
  ["it does not start: its disk is full", because("disk-full"), "leave"],
  ["it does not start: it is damaged", because("damaged"), "clone leave"],
  [
    "diverged, and the primary does not let it in",
    { history: "diverged", ...otherTimeline, refused: { kind: "not-let-in", said: "FATAL:  no pg_hba.conf entry" } },
    "leave",
  ],
  ["a rewind was interrupted", { ...because("half-rewound"), ...otherTimeline }, "keep+rewind keep+clone leave"],
];

for (const [what, situation, expected] of cases)
  test(`${what}: ${expected}`, () => {
    const now = { ...down, ...situation };
    const tried: Remedy[] = [];
    const done: string[] = [];
    for (let at = 0; at < 6; at++) {
      const decision = decideRejoin(now, tried);
      done.push(decision.kind === "remedy" ? `${decision.keeps ? "keep+" : ""}${decision.remedy}` : decision.kind);
      if (decision.kind !== "remedy") break;
      tried.push(decision.remedy);
    }
    assert.equal(done.join(" "), expected);
    if (expected.endsWith("leave"))
      assert.match(whatIsLeft(now, { node: "pg3", primary: "pg1", cluster: "ledger" }), /blackstart mitigate/);
  });

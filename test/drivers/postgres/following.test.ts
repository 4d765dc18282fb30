import assert from "node:assert/strict";
import { test } from "node:test";
import type { WalEnd } from "../../../src/drivers/postgres/history.ts";
import {
  type Following,
  following,
  type PrimaryLook,
  type StandbyLook,
} from "../../../src/drivers/postgres/following.ts";

/* Two looks at a standby, and one at the primary between them. A case is a healthy standby but for what it is about. */

const receiver = {
  pid: 7,
  startedAt: "2026-11-20T03:00:00Z",
  status: "streaming",
  timelineId: 2,
  heard: true,
} as const;

function standby(more: Partial<StandbyLook> = {}): StandbyLook {
  return {
    timelineId: 2,
    lsn: "0/5000",
    replayedLsn: "0/5000",
    replayPaused: false,
    applyDelayMs: 0,
    wantsStreaming: true,
    restores: false,
    receiver,
    ...more,
  };
}

const end = (timelineId: number, ...left: readonly string[]): WalEnd => ({
  timelineId,
  lsn: "0/5000",
  ancestors: left.map((endLsn, at) => ({ timelineId: at + 1, endLsn })),
});
const primary: PrimaryLook = { timelineId: 2, lsn: "0/5000", end: end(2, "0/4000") };
const old = { ...receiver, timelineId: 1 };
const another = { ...receiver, pid: 8 };
const blind = { pid: 7, startedAt: null, status: null, timelineId: null, heard: null };

const led: Partial<PrimaryLook> = { lsn: "0/9000", addresses: ["10.0.0.1:5432"] };
const waiting: Partial<StandbyLook> = {
  lsn: "0/4000",
  replayedLsn: "0/2000",
  applyDelayMs: 3_600_000,
  replayWaits: true,
  aimedAt: "10.0.0.1:5432",
  receiver: null,
};

type Case = Readonly<{
  first?: Partial<StandbyLook>;
  primary?: Partial<PrimaryLook> | null;
  second?: Partial<StandbyLook>;
}>;

const cases: readonly [what: string, kind: Following["kind"], looks: Case][] = [
  ["nothing is written, and it has all", "follows", {}],
  [
    "it receives and replays",
    "follows",
    { primary: { lsn: "0/5100" }, second: { lsn: "0/5100", replayedLsn: "0/5080" } },
  ],
  ["all that it had is replayed", "follows", { first: { replayedLsn: "0/4800" }, second: { lsn: "0/6000" } }],
  [
    "our role sees nothing of the receiver but its pid",
    "follows",
    { first: { receiver: blind }, second: { receiver: blind } },
  ],

  ["it receives less than the primary wrote", "catching-up", { primary: { lsn: "0/9000" }, second: { lsn: "0/5800" } }],
  [
    "it is still on the old timeline, and comes nearer to the fork",
    "catching-up",
    {
      first: { timelineId: 1, lsn: "0/2000", replayedLsn: "0/2000", receiver: old },
      second: { timelineId: 1, lsn: "0/3000", replayedLsn: "0/2000", receiver: old },
    },
  ],

  ["replay is paused", "replay-paused", { second: { lsn: "0/6000", replayedLsn: "0/4000", replayPaused: true } }],
  ["replay is delayed", "delayed", { second: { lsn: "0/6000", replayedLsn: "0/4000", applyDelayMs: 3_600_000 } }],
  [
    "replay waits, and it has lost its sender, which it asks for more only at the end of what it holds",
    "asks-later",
    { primary: led, first: waiting, second: waiting },
  ],
  [
    "replay waits, and it is aimed at another server",
    "not-connected",
    { primary: led, first: waiting, second: { ...waiting, aimedAt: "10.0.0.9:5432" } },
  ],
  [
    "it is delayed, and its replay has got to the end of what it holds",
    "not-connected",
    { primary: led, first: waiting, second: { ...waiting, replayWaits: false } },
  ],
  [
    "replay waits, and what it holds is from beyond the fork",
    "diverged",
    { primary: led, first: { ...waiting, timelineId: 1, lsn: "0/4800" }, second: waiting },
  ],
  [
    "it receives all and replays nothing",
    "replays-nothing",
    { first: { replayedLsn: "0/4000" }, second: { lsn: "0/6000", replayedLsn: "0/4000" } },
  ],

  ["the connection stands and nothing comes", "receives-nothing", { primary: { lsn: "0/5100" } }],

  ["no receiver", "not-connected", { first: { receiver: null }, second: { receiver: null } }],
  ["another receiver at each look, though it has all", "not-connected", { second: { receiver: another } }],
  [
    "the same pid again, of a receiver that started later",
    "not-connected",
    { second: { receiver: { ...receiver, startedAt: "2026-11-20T03:00:01Z" } } },
  ],
  [
    "a receiver that has not connected yet says that it streams",
    "not-connected",
    { first: { receiver: { ...receiver, heard: false } }, second: { receiver: { ...receiver, heard: false } } },
  ],
  ["the receiver waits for orders", "not-connected", { second: { receiver: { ...receiver, status: "waiting" } } }],
  ["it has all but asks for the old timeline", "not-connected", { second: { receiver: old } }],
  [
    "another receiver at each look, and its archive brings it nearer",
    "catching-up",
    { primary: { lsn: "0/9000" }, second: { lsn: "0/6000", receiver: another } },
  ],
  ["another receiver, and no look at the primary", "not-connected", { primary: null, second: { receiver: another } }],

  ["it is ahead of the primary on its own line", "diverged", { first: { lsn: "0/5008", replayedLsn: "0/5008" } }],
  [
    "it is ahead of the primary on its own line, by the histories",
    "diverged",
    { first: { end: { ...end(2, "0/4000"), lsn: "0/5001" } } },
  ],
  ["it holds WAL from beyond the fork", "diverged", { first: { timelineId: 1, receiver: old } }],
  [
    "it holds the beginning of a record that the primary gave up at the fork",
    "not-connected",
    { first: { timelineId: 1, replayedLsn: "0/4000", receiver: null }, second: { receiver: null } },
  ],
  [
    "it replays later what it holds from beyond the fork",
    "diverged",
    { first: { timelineId: 1, replayedLsn: "0/3000", applyDelayMs: 3_600_000, receiver: old } },
  ],
  [
    "a branch of the same number, which was promoted at another place",
    "diverged",
    { first: { end: end(2, "0/3000") } },
  ],
  [
    "its timeline is no ancestor of the primary's",
    "diverged",
    {
      first: { end: end(2, "0/3000") },
      primary: { timelineId: 3, end: { ...end(3), ancestors: [{ timelineId: 1, endLsn: "0/4000" }] } },
    },
  ],
  ["it is on a later timeline than the primary", "diverged", { first: { timelineId: 3 } }],
  [
    "it is before the fork and is not connected: it can still follow",
    "not-connected",
    { first: { timelineId: 1, lsn: "0/4000", replayedLsn: "0/4000", receiver: null }, second: { receiver: null } },
  ],

  [
    "neither primary_conninfo nor restore_command",
    "follows-nobody",
    { first: { receiver: null }, second: { receiver: null, wantsStreaming: false } },
  ],
  [
    "only restore_command",
    "archive-only",
    { first: { receiver: null }, second: { receiver: null, wantsStreaming: false, restores: true } },
  ],
  ["no look at the primary", "unknown", { primary: null }],
  [
    "no receiver, and our role may not see whether there should be one",
    "unknown",
    { first: { receiver: null }, second: { receiver: null, wantsStreaming: null } },
  ],
];

for (const [what, kind, looks] of cases)
  test(`${what}: ${kind}`, () => {
    const between = looks.primary === null ? undefined : withEnd({ ...primary, ...looks.primary });
    assert.equal(following(standby(looks.first), between, standby(looks.second)).kind, kind);
  });

/** The end of the line is where the look says. */
function withEnd(look: PrimaryLook): PrimaryLook {
  return look.end === undefined ? look : { ...look, end: { ...look.end, lsn: look.lsn } };
}

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { latencyFacts, type LatencyState, noLatency, withAnswer } from "../../../src/watch/node/latency.ts";
import { persisting } from "../../../src/watch/node/persisting.ts";
import { createPositionHistory } from "../../../src/watch/node/position-history.ts";
import type { Pulse, Sender } from "../../../src/watch/facts.ts";
import { moment, primaryPulse, sender, standbyPulse } from "../facts-of.ts";

const follows = { kind: "follows" } as const;

function answers(state: LatencyState, count: number, tookMs: number): LatencyState {
  let next = state;
  for (let at = 0; at < count; at++) next = withAnswer(next, tookMs, 150, moment(at));
  return next;
}

test("latency: slow is what is slow by the node's own past", () => {
  const usual = answers(noLatency, 100, 2);
  assert.equal(latencyFacts(usual).slowSince, undefined);
  assert.equal(latencyFacts(answers(usual, 2, 900)).slowSince, undefined, "two slow answers are none");
  assert.notEqual(latencyFacts(answers(usual, 5, 200)).slowSince, undefined);
  assert.equal(latencyFacts(answers(usual, 5, 100)).slowSince, undefined, "below the floor");
});

test("latency: a node that is always slow is not slow", () => {
  assert.equal(latencyFacts(answers(noLatency, 100, 400)).slowSince, undefined);
});

test("latency: well again at half the limit, not at once below it", () => {
  const slow = answers(answers(noLatency, 100, 2), 10, 300);
  assert.notEqual(latencyFacts(answers(slow, 5, 140)).slowSince, undefined);
  assert.equal(latencyFacts(answers(slow, 5, 60)).slowSince, undefined);
});

test("latency: what it remembers is limited", () => {
  const state = answers(noLatency, 5000, 3);
  assert.ok(state.usual.length <= 150 && state.last.length <= 5);
});

test("persisting: keeps the first moment, and forgets at the first break", () => {
  const broken = standbyPulse("pg2", { receiver: null });
  const first = persisting({}, undefined, broken, { kind: "not-connected" }, moment(1));
  const second = persisting(first, broken, broken, { kind: "not-connected" }, moment(2));
  assert.deepEqual(second, { notFollowing: moment(1) });
  const third = persisting(second, broken, standbyPulse("pg2"), { kind: "unknown" }, moment(3));
  assert.deepEqual(third, { notFollowing: moment(1) }, "what cannot be told stays as it was");
  assert.deepEqual(
    persisting(third, broken, standbyPulse("pg2"), { kind: "catching-up", behindBytes: 1 }, moment(4)),
    {},
  );
});

test("persisting: replay is stuck only where something was received that does not move on", () => {
  const behind = standbyPulse("pg2", { lsn: "0/3000100", replayedLsn: "0/3000000" });
  assert.deepEqual(persisting({}, behind, behind, follows, moment(1)), { replayStuck: moment(1) });
  assert.deepEqual(persisting({}, behind, { ...behind, replayedLsn: "0/3000080" }, follows, moment(1)), {});
  assert.deepEqual(persisting({}, standbyPulse("pg2"), standbyPulse("pg2"), follows, moment(1)), {}, "all is replayed");
  assert.deepEqual(persisting({}, behind, { ...behind, replayPaused: true }, follows, moment(1)), {
    replayPaused: moment(1),
  });
});

test("persisting: commits are stalled where somebody waits twice and nothing was confirmed in between", () => {
  const waiting = (flushLsn: string) =>
    primaryPulse({ synchronousWaiters: 2, senders: [sender("pg2", { syncState: "sync", flushLsn })] });
  assert.deepEqual(persisting({}, waiting("0/1"), waiting("0/1"), follows, moment(1)), {
    synchronousStalled: moment(1),
  });
  assert.deepEqual(persisting({}, waiting("0/1"), waiting("0/2"), follows, moment(1)), {});
  assert.deepEqual(persisting({}, primaryPulse(), waiting("0/1"), follows, moment(1)), {});
});

const waits = (oldestWaiter: string | null, more: Partial<Pulse> = {}) =>
  primaryPulse({ synchronousStandbyNames: "FIRST 1 (pg2, pg3)", synchronousWaiters: 1, oldestWaiter, ...more });
const two = (pg2: Partial<Sender>, pg3: Partial<Sender>) => ({
  senders: [sender("pg2", { syncState: "sync", ...pg2 }), sender("pg3", { syncState: "potential", ...pg3 })],
});
const replayed = (replayLsn: string) => two({ flushLsn: "0/3000000", replayLsn: "0/2000000" }, { replayLsn });

for (const [what, before, now, isStalled] of [
  [
    "the one that counts is halted, another receives",
    waits("7 700", two({ flushLsn: "0/2000000" }, { flushLsn: "0/2000000" })),
    waits("7 700", two({ flushLsn: "0/2000000" }, { flushLsn: "0/3000000" })),
    true,
  ],
  [
    "the one that counts receives, and does not replay what one and the same commit waits for",
    waits("7 700", replayed("0/2000000")),
    waits("7 700", replayed("0/3000000")),
    true,
  ],
  [
    "it does not replay, and no commit waits for that",
    waits("7 700", replayed("0/3000000")),
    waits("7 701", replayed("0/3000000")),
    false,
  ],
  [
    "it does not replay, and which commit waits is not to be seen",
    waits(null, replayed("0/3000000")),
    waits(null, replayed("0/3000000")),
    false,
  ],
  [
    "enough of a quorum confirm",
    waits("7 700", { synchronousStandbyNames: "ANY 1 (pg2, pg3)", senders: [sender("pg2", { syncState: "quorum" })] }),
    waits("7 700", { synchronousStandbyNames: "ANY 1 (pg2, pg3)", senders: [sender("pg2", { syncState: "quorum" })] }),
    false,
  ],
  [
    "one of two confirms, and both are waited for",
    waits("7 700", two({ flushLsn: "0/2000000" }, { syncState: "sync" })),
    waits("7 700", {
      synchronousStandbyNames: "FIRST 2 (pg2, pg3)",
      ...two({ flushLsn: "0/2000000" }, { syncState: "sync" }),
    }),
    true,
  ],
] as const)
  test(`persisting: commits ${isStalled ? "are" : "are not"} stalled where ${what}`, () => {
    const found = persisting({}, before, now, follows, moment(1));
    assert.deepEqual(found, isStalled ? { synchronousStalled: moment(1) } : {});
  });

test("position history: a standby is as old as the primary's position that it has reached", () => {
  const history = createPositionHistory();
  const primaryAt = (lsn: string, timelineId: number, ms: number) =>
    history.primaryAt({ lsn, timelineId }, { sentMs: ms, answeredMs: ms });
  assert.equal(history.delayMs("0/100", 5000), undefined);
  primaryAt("0/100", 1, 1000);
  primaryAt("0/200", 1, 2000);
  primaryAt("0/200", 1, 3000);
  assert.equal(history.delayMs("0/200", 9000), 0, "a quiet primary makes nobody late");
  assert.equal(history.delayMs("0/180", 9000), 7000);
  assert.equal(history.delayMs("0/100", 9000), 7000);
  primaryAt("0/80", 2, 4000);
  assert.equal(history.delayMs("0/80", 9000), 0, "a new timeline begins anew");
});

test("position history: limited in size, and never later than the truth by more than its resolution", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 0, max: 8999 }), (count, reached) => {
      const history = createPositionHistory();
      for (let at = 0; at < count; at++)
        history.primaryAt(
          { lsn: `0/${(at * 16).toString(16)}`, timelineId: 1 },
          { sentMs: at * 400, answeredMs: at * 400 },
        );
      const nowMs = count * 400;
      const delay = history.delayMs(`0/${(reached * 16).toString(16)}`, nowMs) ?? -1;
      const truth = Math.max(0, nowMs - (reached + 1) * 400);
      return delay >= 0 && delay <= nowMs && Math.abs(delay - truth) <= Math.max(6400, truth * 0.9);
    }),
    { numRuns: 30 },
  );
});

test("position history: the look at the primary that lies between two looks at a standby", () => {
  const history = createPositionHistory();
  for (const [lsn, sentMs, answeredMs] of [
    ["0/100", 10, 12],
    ["0/200", 20, 22],
    ["0/300", 30, 32],
  ] as const)
    history.primaryAt({ lsn, timelineId: 1 }, { sentMs, answeredMs });
  const between = (afterMs: number, beforeMs: number) => history.primaryBetween(afterMs, beforeMs)?.lsn;
  assert.equal(between(0, 50), "0/300");
  assert.equal(between(0, 31), "0/200", "one that is not answered yet does not hide the one before");
  assert.equal(between(21, 31), undefined, "one that was under way already may tell of before");
  assert.equal(between(12, 22), "0/200");
});

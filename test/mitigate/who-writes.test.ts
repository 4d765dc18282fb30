import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceState } from "../../src/drivers/postgres/instance.ts";
import type { Reachability } from "../../src/drivers/postgres/reachability.ts";
import { type NodeSeen, seenNext, type WritesVerdict, writesOf } from "../../src/mitigate/who-writes.ts";

const failure = (kind: Reachability["kind"]): Reachability => ({ kind, detail: `as of ${kind}` });
const running = (standbySignal: boolean) => ({ state: "running", pids: [1, 2], standbySignal }) as const;
const down: InstanceState = { state: "down", pids: [], standbySignal: false };
const unknown: InstanceState = { state: "unknown", why: "hidden", standbySignal: true };

const cases: readonly [string, Partial<NodeSeen>, WritesVerdict["writes"], RegExp][] = [
  ["it says that it is a primary", { role: "primary" }, "takes", /takes writes/],
  ["also if it was fenced", { role: "primary", fenced: true }, "takes", /takes writes/],
  ["it says that it is a standby", { role: "standby" }, "does-not", /standby/],
  ["a standby whose promotion is pending", { role: "standby", promoting: true }, "unknown", /promotion is pending/],
  ["nothing listens", { failure: failure("closed") }, "does-not", /nothing listens/],
  ["no answer", {}, "unknown", /did not answer in 3 s/],
  ["no answer in time", { failure: failure("silent") }, "unknown", /did not answer in 3 s/],
  ["no way there", { failure: failure("unreachable") }, "unknown", /as of unreachable/],
  ["it lets us not in", { failure: failure("refused") }, "unknown", /as of refused/],
  ["it is starting", { failure: failure("starting") }, "unknown", /as of starting/],
  ["it breaks off", { failure: failure("broken") }, "unknown", /as of broken/],
  ["no answer, its host sees it down", { failure: failure("silent"), host: down }, "does-not", /host sees it down/],
  ["no answer, and it runs", { host: running(false), remembered: "standby" }, "unknown", /did not answer/],
  ["no answer, and it runs as a standby", { host: running(true), remembered: "standby" }, "does-not", /a standby/],
  ["the same, but it was a primary", { host: running(true), remembered: "primary" }, "unknown", /did not answer/],
  ["the same, never observed", { host: running(true) }, "unknown", /did not answer/],
  ["the same, in archive recovery", { host: running(true), recovers: true }, "does-not", /a standby/],
  [
    "the same, and somebody has promoted it",
    { host: { ...running(true), promoteSignal: true }, recovers: true },
    "unknown",
    /its host sees that its promotion is pending/,
  ],
  [
    "no answer, it was a standby, and somebody has promoted it",
    { host: { ...running(true), promoteSignal: true }, remembered: "standby" },
    "unknown",
    /promotion is pending/,
  ],
  [
    "in archive recovery, and not marked any more",
    { host: running(false), recovers: true },
    "unknown",
    /did not answer/,
  ],
  ["its host cannot tell", { host: { ...unknown, standbySignal: false } }, "unknown", /did not answer/],
  ["no answer, but it was fenced", { failure: failure("silent"), fenced: true }, "does-not", /fenced/],
];

for (const [what, seen, writes, why] of cases)
  test(`${what}: ${writes}`, () => {
    const verdict = writesOf({ fenced: false, ...seen }, 3000);
    assert.equal(verdict.writes, writes);
    assert.match(verdict.why, why);
  });

for (const [what, more, writes] of [
  ["its promotion is not seen any more", { role: "standby", promoting: false, startedAt: "1" }, "unknown"],
  ["it was started anew, and is a standby", { role: "standby", promoting: false, startedAt: "2" }, "does-not"],
  ["it is a primary", { role: "primary" }, "takes"],
] as const)
  test(`a promotion was pending, then ${what}: ${writes}`, () => {
    const before: NodeSeen = { role: "standby", promoting: true, startedAt: "1", fenced: false };
    assert.equal(writesOf(seenNext(before, more), 3000).writes, writes);
  });

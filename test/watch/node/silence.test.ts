import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/time.ts";
import type { Probe } from "../../../src/drivers/service/probe.ts";
import { answerOrSilence } from "../../../src/watch/node/silence.ts";

const reachable =
  (outcome: "good" | "bad"): Probe =>
  async () => ({ outcome, detail: "", tookMs: 0 });
const never = new Promise<never>(() => undefined);

function options(reach: Probe, stopped = new AbortController().signal) {
  return { timeoutMs: 60, reach, clock: systemClock, stopped };
}

test("silence: an answer is an answer", async () => {
  assert.deepEqual(await answerOrSilence(Promise.resolve(7), options(reachable("bad"))), { kind: "answer", value: 7 });
});

for (const outcome of ["good", "bad"] as const)
  test(`silence: none in time, and the machine ${outcome === "good" ? "takes" : "does not take"} connections`, async () => {
    const silent = await answerOrSilence(never, options(reachable(outcome)));
    assert.ok(silent.kind === "silent");
    assert.equal(silent.reachable, outcome === "good");
    assert.ok(silent.forMs >= 55, String(silent.forMs));
  });

test("silence: our own stall is not held against the server", async () => {
  // The answer arrives in time, but this process sleeps over it and over its own time limit.
  const answer = new Promise<string>((resolve) => setTimeout(resolve, 45, "in time"));
  const outcome = answerOrSilence(answer, options(reachable("good")));
  const until = performance.now() + 300;
  while (performance.now() < until);
  assert.deepEqual(await outcome, { kind: "answer", value: "in time" });
});

test("silence: ends at once when the watch is closed", async () => {
  const stop = new AbortController();
  const outcome = answerOrSilence(never, { ...options(reachable("good"), stop.signal), timeoutMs: 60_000 });
  stop.abort();
  assert.equal((await outcome).kind, "silent");
});

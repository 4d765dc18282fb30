import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { damp, type DampingState, undamped } from "../../../src/watch/endpoint/damping.ts";

/** The state after each probe: `g` good, `b` bad, one a second. */
function states(probes: string): string {
  let state: DampingState = undamped;
  return [...probes]
    .map((probe, at) => {
      state = damp(state, probe === "g", at * 1000);
      return state.state[0];
    })
    .join("");
}

const table: readonly (readonly [what: string, probes: string, expected: string])[] = [
  ["good at the first look", "ggg", "ggg"],
  ["bad only when confirmed", "bbb", "ubb"],
  ["one bad probe is no outage", "ggbgg", "ggggg"],
  ["two in a row are", "ggbbb", "gggbb"],
  ["one good probe is no recovery", "gbbgb", "ggbbb"],
  ["two in a row are", "gbbgg", "ggbbg"],
  ["an endless flapping stays bad: five good ones in a row are needed", "gbbggbbggbbggbbggg", "ggbbggbbggbbbbbbbb"],
];

for (const [what, probes, expected] of table)
  test(`damping: ${what}`, () => {
    assert.equal(states(probes), expected);
  });

test("damping: a probe that contradicts the state is repeated soon, one that confirms it is not", () => {
  const good = damp(undamped, true, 0);
  assert.equal(good.again, false);
  const doubtful = damp(good, false, 1000);
  assert.equal(doubtful.again, true);
  assert.equal(damp(doubtful, false, 1100).again, false);
});

test("damping: however it flaps, the changes in a minute are few", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (probes) => {
      let state: DampingState = undamped;
      const changes: number[] = [];
      probes.forEach((probe, at) => {
        const before = state.state;
        state = damp(state, probe, at * 1000);
        if (before !== "unknown" && state.state !== before) changes.push(at * 1000);
      });
      // Once it flaps it needs three bad, then five good ones: at most seven changes and one more in eight seconds.
      const inAnyMinute = changes.map((from) => changes.filter((at) => at >= from && at < from + 60_000).length);
      return Math.max(0, ...inAnyMinute) <= 5 + Math.ceil(60 / 8) * 2;
    }),
  );
});

test("damping: a lasting state is always told in the end", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 50 }), fc.boolean(), (probes, last) => {
      let state: DampingState = undamped;
      [...probes, last, last, last, last, last].forEach((probe, at) => {
        state = damp(state, probe, at * 1000);
      });
      return state.state === (last ? "good" : "bad");
    }),
  );
});

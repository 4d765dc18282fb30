import assert from "node:assert/strict";
import { test } from "node:test";
import { followed } from "../../src/timeline/follow.ts";
import type { Event, Timeline } from "../../src/timeline/timeline.ts";

const event = (position: number) => ({ position, kind: "k" }) as Event;

test("after a failed read it goes on where it was: nothing is missed, nothing comes twice", async () => {
  const all = [1, 2, 3].map(event);
  const unreadable = new Error("the timeline cannot be read");
  let reads = 0;
  const timeline: Pick<Timeline, "subscribe"> = {
    async *subscribe(after) {
      reads += 1;
      for (const one of all.filter(({ position }) => position > after)) {
        if (reads === 1 && one.position === 3) throw unreadable;
        yield one;
      }
    },
  };
  const failures: unknown[] = [];
  const seen: number[] = [];
  for await (const { position } of followed(timeline, 0, new AbortController().signal, (one) => failures.push(one)))
    seen.push(position);
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(failures, [unreadable]);
});

test("it is over at the signal, also while the timeline cannot be read", async () => {
  const stop = new AbortController();
  const timeline: Pick<Timeline, "subscribe"> = {
    subscribe() {
      throw new Error("the timeline cannot be read");
    },
  };
  for await (const _ of followed(timeline, 0, stop.signal, () => stop.abort())) assert.fail("nothing happened");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reader } from "../../src/timeline/sqlite/reader.ts";
import { Subscriptions } from "../../src/timeline/sqlite/subscription.ts";

test("a file that cannot be looked at ends the subscription with its error, and not the process", async () => {
  let reads = 0;
  let polls = 0;
  const unreadable = new Error("the disk is gone");
  const reader = {
    events: () => {
      if (reads++ > 0) throw unreadable;
      return [];
    },
    dataVersion: () => {
      if (polls++ > 0) throw unreadable;
      return 1;
    },
  } as unknown as Reader;
  const following = new Subscriptions(reader, 1).follow(0, new AbortController().signal);
  await assert.rejects(following.next(), unreadable);
  // The last subscriber has left: nothing looks at the file any more.
  const seen = polls;
  await assert.rejects(new Subscriptions(reader, 1).follow(0, new AbortController().signal).next(), unreadable);
  assert.equal(polls, seen + 1);
});

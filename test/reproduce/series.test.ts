import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openTrialLog, type TrialLog } from "../../src/reproduce/trial/log.ts";
import type { TrialResult } from "../../src/reproduce/trial/result.ts";
import { type RunTrial, series } from "../../src/reproduce/trial/series.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";

const told = (what: string, outcome: TrialResult["outcome"] = "not-reproduced") => ({
  configuration: ["a"],
  outcome,
  tookMs: 1,
  moments: [{ atMs: 0, what }],
  at: "2026-11-20T03:07:00.000Z",
});

async function withTimeline(use: (timeline: Timeline) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const timeline = await openSqliteTimeline(join(folder, "trials.db"));
    await use(timeline).finally(() => timeline.close());
  });
}

/** The first so many, by what each has said. */
async function first(wanted: number, log: TrialLog, run: RunTrial, jobs: number): Promise<readonly string[]> {
  const said: string[] = [];
  const { signal } = new AbortController();
  for await (const { moments } of series(["a"], { log, run, jobs, signal })) {
    said.push(moments[0]?.what ?? "");
    if (said.length === wanted) break;
  }
  return said;
}

describe("the trials of a configuration", () => {
  it("come in the order in which they were begun, however long each takes", () =>
    withTimeline(async (timeline) => {
      const log = await openTrialLog(timeline, "reproduction/one");
      const turns = Array.from({ length: 12 }, () => Promise.withResolvers<void>());
      let begun = 0;
      // Each second one ends only when the one after it has: whoever took the first to end would see these late.
      const run: RunTrial = async () => {
        const mine = begun++;
        if (mine % 2 === 0 && mine < 6) await turns[mine + 1]?.promise;
        turns[mine]?.resolve();
        return told(String(mine));
      };
      assert.deepEqual(await first(6, log, run, 4), ["0", "1", "2", "3", "4", "5"]);
      const again = await openTrialLog(timeline, "reproduction/one");
      assert.deepEqual(
        again.of(["a"]).map(({ sequence }) => sequence),
        log.of(["a"]).map((_, index) => index),
      );
    }));

  it("are not begun beyond what is needed, as far as that is known", () =>
    withTimeline(async (timeline) => {
      const log = await openTrialLog(timeline, "reproduction/needed");
      let [begun, seen] = [0, 0];
      const run: RunTrial = async () => told(String(begun++));
      const { signal } = new AbortController();
      const needed = () => 6 - seen;
      for await (const _ of series(["a"], { log, run, jobs: 4, needed, signal })) if (++seen === 6) break;
      assert.equal(begun, 6);
      assert.equal(log.of(["a"]).length, 6);
    }));

  it("that are missing, because somebody was killed, are made again in their place", () =>
    withTimeline(async (timeline) => {
      const log = await openTrialLog(timeline, "reproduction/two");
      for (const sequence of [0, 1, 3]) await log.add({ ...told(`known ${sequence}`), sequence });
      let made = 0;
      const run: RunTrial = async () => told(`made ${made++}`);
      const reopened = await openTrialLog(timeline, "reproduction/two");
      assert.deepEqual(await first(5, reopened, run, 1), ["known 0", "known 1", "made 0", "known 3", "made 1"]);
    }));

  it("that could not be carried out are made again another time", () =>
    withTimeline(async (timeline) => {
      const log = await openTrialLog(timeline, "reproduction/three");
      const run: RunTrial = async () => told("no room", "unresolved");
      assert.deepEqual(await first(2, log, run, 1), ["no room", "no room"]);
      const later = await openTrialLog(timeline, "reproduction/three");
      assert.deepEqual(await first(1, later, async () => told("room"), 1), ["room"]);
    }));

  it("are forgotten when that is asked, and stay so after a crash", () =>
    withTimeline(async (timeline) => {
      const log = await openTrialLog(timeline, "reproduction/four");
      await log.add({ ...told("old"), sequence: 0 });
      await log.forget();
      await log.add({ ...told("new"), sequence: 0 });
      const later = await openTrialLog(timeline, "reproduction/four");
      assert.deepEqual(await first(1, later, () => assert.fail("it is known"), 1), ["new"]);
    }));

  it("that are under way when it is aborted come to their end before anybody goes on", () =>
    withTimeline(async (timeline) => {
      const log = await openTrialLog(timeline, "reproduction/five");
      const abort = new AbortController();
      let [begun, ended] = [0, 0];
      const run: RunTrial = async (_, signal) => {
        const mine = begun++;
        if (mine === 0) abort.abort(new Error("Ctrl-C"));
        // Taking a cluster down takes some turns of the loop, each as many as it is late.
        for (let turn = 0; turn < 20 * (mine + 1); turn++) await new Promise((resolve) => setImmediate(resolve));
        ended += 1;
        signal.throwIfAborted();
        return told("never");
      };
      const all = (async () => {
        for await (const _ of series(["a"], { log, run, jobs: 5, signal: abort.signal })) assert.fail("it was aborted");
      })();
      await assert.rejects(all, /Ctrl-C/);
      assert.equal(ended, begun);
    }));
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { withFolder } from "../support/folder.ts";
import { assertNoGap, collect, event, reaches } from "./conformance.ts";

const peer = join(import.meta.dirname, "peer.ts");

test("two processes append and subscribe at once: both see every event, once, in one order", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const each = 150;
    const timeline = await openSqliteTimeline(file);
    const child = spawn(process.execPath, [peer, "exchange", file, String(each)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const seen = collect(timeline, 0);
      const theirs: string[] = [];
      const ended = once(child, "exit");
      createInterface({ input: child.stdout }).on("line", (line) => theirs.push(line));
      await reaches(() => Math.min(1, seen.events.length), 1);
      await Promise.all(
        Array.from({ length: 5 }, async (_, writer) => {
          for (let n = 0; n < each / 5; n += 1)
            await timeline.append(writer % 2 ? "shared" : "ours", "any", [event("ours")]);
        }),
      );
      await reaches(() => seen.events.length, 2 * each);
      assertNoGap(seen.events);
      assert.deepEqual(await ended, [0, null]);
      const ours = seen.events.map(({ stream, version, position }) => `${stream} ${version} ${position}`);
      assert.deepEqual(theirs, ours);
      await seen.end();
    } finally {
      child.kill("SIGKILL");
      await timeline.close();
    }
  });
});

test("the lease of a killed process is free at once; that of a stopped one is not", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "timeline.db");
    const timeline = await openSqliteTimeline(file);
    const child = spawn(process.execPath, [peer, "hold", file], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [token] = await once(createInterface({ input: child.stdout }), "line");
      child.kill("SIGSTOP");
      const state = await timeline.leaseState("cluster/ledger");
      assert.deepEqual([state?.held, state?.token], [true, Number(token)]);
      assert.match(state?.holder ?? "", new RegExp(`\\b${child.pid}\\b`));
      assert.equal(await timeline.lease("cluster/ledger", 60_000), undefined);
      child.kill("SIGKILL");
      const lease = await pollUntil(() => timeline.lease("cluster/ledger", 60_000), { everyMs: 5, timeoutMs: 60_000 });
      assert.equal(lease?.token, Number(token) + 1);
    } finally {
      child.kill("SIGKILL");
      await timeline.close();
    }
  });
});

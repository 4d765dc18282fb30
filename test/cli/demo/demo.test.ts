import { once } from "node:events";
import assert from "node:assert/strict";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findRedis } from "../../../src/lab/redis.ts";
import { listLabs } from "../../../src/lab/open.ts";
import { openSqliteTimeline } from "../../../src/timeline/sqlite/store.ts";
import { incidentState } from "../../../src/timeline/incident-state.ts";
import { withFolder } from "../../support/folder.ts";
import { noPostgres } from "../../support/postgres-versions.ts";
import { commandLine } from "../command-line.ts";

test("the demo goes from the kill to the postmortem and leaves nothing running", {
  skip: noPostgres,
  timeout: 120_000,
}, async () => {
  await withFolder(async (folder) => {
    await chmod(folder, 0o755); // for the account that runs the servers
    const { code, stderr, result } = await commandLine(folder).run("demo", "--unattended", "--json");
    assert.equal(code, 0, stderr);
    assert.equal(result.result, "demo");
    assert.equal(result.outcome, "recovered");
    assert.ok(result.ackedWrites > 0, "customers were served");
    assert.deepEqual([result.lostWrites, result.violationsLeft], [0, 0]);
    assert.equal(result.staleCacheLeft, findRedis() === undefined ? null : 0);
    assert.deepEqual(await listLabs(join(folder, "home", "labs")), [], "its lab is gone");

    const postmortem = await readFile(result.postmortem, "utf8");
    assert.match(postmortem, /^# Postmortem: /);
    const timeline = await openSqliteTimeline(result.timeline);
    try {
      const state = incidentState(await timeline.read({ stream: `incident/${result.incident}` }));
      assert.equal(state.status, "resolved");
      assert.ok(state.times.recoveredAt !== null, "the data was declared settled");
      assert.equal(state.plans[0]?.planKind, "failover");
    } finally {
      await timeline.close();
    }
  });
});

test("Ctrl-C in the middle of the demo takes everything down", { skip: noPostgres, timeout: 120_000 }, async () => {
  await withFolder(async (folder) => {
    await chmod(folder, 0o755);
    const demo = commandLine(folder).start("demo", "--unattended");
    demo.stdin?.end();
    const exited = once(demo, "exit");
    let told = "";
    for await (const chunk of demo.stdout ?? []) {
      told += chunk;
      if (told.includes("SIGKILL to every process")) demo.kill("SIGINT");
    }
    const [code] = await exited;
    assert.notEqual(code, 0);
    assert.doesNotMatch(told, /postmortem\.md/, "it was interrupted before its end");
    assert.deepEqual(await listLabs(join(folder, "home", "labs")), [], "its lab is gone");
  });
});

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createExecutor } from "../../../../src/plan/executor.ts";
import { registryOf } from "../../../../src/plan/handler.ts";
import { openSqliteTimeline } from "../../../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../../../src/timeline/timeline.ts";
import { lineHandler, planOf, step } from "../../../plan/effects.ts";
import { withFolder } from "../../../support/folder.ts";
import { commandLine } from "../../command-line.ts";

test("resuming a plan that Ctrl-C has ended carries nothing out, and says what leads on", () =>
  withFolder(async (folder) => {
    const timeline = await timelineIn(folder);
    const pressed = new AbortController();
    const lines = lineHandler(join(folder, "effects"), async (id) => void (id === "a" && pressed.abort()));
    const handler = { ...lines, do: async () => ({ line: "" }), verify: async () => undefined };
    const executor = createExecutor({ timeline, handlers: registryOf(handler), signal: pressed.signal });
    await executor.store({ ...planOf("p", [step("a"), step("b")]), kind: "failover" }, "test");
    assert.equal((await executor.run("p", "person:ada", "person")).outcome, "stopped");
    await timeline.close();

    const { code, stdout, stderr } = await commandLine(folder).run("plan", "resume", "p", "--yes");
    assert.equal(code, 4, stderr);
    assert.match(stdout, /p has ended, stopped half-way: it cannot be resumed/);
    assert.match(stdout, /Not begun: .*“Write the line of b”/);
    assert.match(stderr, /next: This plan has ended.*`blackstart mitigate failover ledger`/);
  }));

test("without a terminal, the flag is named that plan resume takes", () =>
  withFolder(async (folder) => {
    const timeline = await timelineIn(folder);
    const executor = createExecutor({ timeline, handlers: new Map() });
    await executor.store(planOf("p", [step("a")]), "test");
    await timeline.close();
    const { run } = commandLine(folder);
    const [, flags] = /call the same command with (.*)\./.exec((await run("plan", "resume", "p")).stderr) ?? [];
    assert.equal(flags, "--yes");
    assert.doesNotMatch((await run("plan", "resume", "p", "--yes")).stderr, /Unknown option/);
  }));

async function timelineIn(folder: string): Promise<Timeline> {
  await writeFile(join(folder, "blackstart.yaml"), "system: payments\n");
  await mkdir(join(folder, "home", "timelines"), { recursive: true });
  return openSqliteTimeline(join(folder, "home", "timelines", "payments.db"));
}

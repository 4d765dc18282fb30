import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createExecutor } from "../../../../src/plan/executor.ts";
import { registryOf } from "../../../../src/plan/handler.ts";
import { openSqliteTimeline } from "../../../../src/timeline/sqlite/store.ts";
import { lineHandler, planOf, step } from "../../../plan/effects.ts";
import { withFolder } from "../../../support/folder.ts";
import { commandLine } from "../../command-line.ts";

test("resuming a plan that Ctrl-C has ended carries nothing out, and says what leads on", () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, "blackstart.yaml"), "system: payments\n");
    await mkdir(join(folder, "home", "timelines"), { recursive: true });
    const timeline = await openSqliteTimeline(join(folder, "home", "timelines", "payments.db"));
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

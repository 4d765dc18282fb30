import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createExecutor } from "../../../../src/plan/executor.ts";
import { openSqliteTimeline } from "../../../../src/timeline/sqlite/store.ts";
import { planOf, step } from "../../../plan/effects.ts";
import { withFolder } from "../../../support/folder.ts";
import { commandLine } from "../../command-line.ts";

test("an incident whose plan is proposed already leads on to that plan, as status does", () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, "blackstart.yaml"), "system: payments\n");
    const { run } = commandLine(folder);
    const { incident } = (await run("incident", "open", "payments", "fail", "--json")).result;
    const timeline = await openSqliteTimeline(join(folder, "home", "timelines", "payments.db"));
    const executor = createExecutor({ timeline, handlers: new Map() });
    await executor.store({ ...planOf("p", [step("a")]), incident: incident.id }, "auto");
    await timeline.close();
    assert.match((await run("incident", "show", "latest")).stderr, /^Next: blackstart plan resume p$/m);
    assert.match((await run("status")).stdout, /^Next: blackstart plan resume p\b/m);
  }));

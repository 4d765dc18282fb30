import { registryOf } from "../../src/plan/handler.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { recoveryHandlers } from "../../src/recover/handlers.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { fleetOf, systemOf } from "./support.ts";

/** Runs one stored plan in a process of its own, to be killed: `node executor-process.ts <home> <url> <plan>`. */
const [home = "", url = "", plan = "", system = "{}"] = process.argv.slice(2);
const timeline = await openSqliteTimeline(`${home}/timeline.db`);
const context = { system: systemOf(url, JSON.parse(system)), fleet: fleetOf(url), timeline, home };
const executor = createExecutor({
  timeline,
  handlers: registryOf(...recoveryHandlers(context)),
  onEvent: (event) => void process.stdout.write(`${event.kind}\n`),
});
const result = await executor.run(plan, "person:test", "flag");
process.stdout.write(`${JSON.stringify(result)}\n`);
await timeline.close();

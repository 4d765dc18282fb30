// `up` as a process of its own, to be weighed: idle-up.ts SYSTEM-FILE HOME PORT. Ends on SIGTERM.
import { startUp } from "../src/server/up.ts";
import { loadSystem } from "../src/system/load.ts";
import { openSqliteTimeline } from "../src/timeline/sqlite/store.ts";

const [file = "", home = "", port = "0"] = process.argv.slice(2);
const timeline = await openSqliteTimeline(`${home}/timeline.db`);
const up = await startUp({ system: await loadSystem(file), timeline, home, port: Number(port) });
process.once("SIGTERM", async () => {
  await up.close();
  await timeline.close();
});
process.stdout.write(`${up.url}\n`);

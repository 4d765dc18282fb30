// Runs `up` as a process of its own, for tests and for the bench that must kill or weigh it: up-process.ts FILE HOME PORT
import { loadSystem } from "../../src/system/load.ts";
import { startUp } from "../../src/server/up.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";

const [file = "", home = "", port = "0"] = process.argv.slice(2);
const timeline = await openSqliteTimeline(`${home}/timeline.db`);
const up = await startUp({
  system: await loadSystem(file),
  timeline,
  home,
  port: Number(port),
  notice: (line) => void process.stderr.write(`${line}\n`),
});
process.once("SIGTERM", async () => {
  await up.close();
  await timeline.close();
  process.stdout.write("closed\n");
});
process.stdout.write(`${up.url}\n`);

import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import { event } from "./conformance.ts";

/** The other process of a test: `exchange FILE COUNT` appends and follows; `hold FILE` takes a lease and keeps it. */
const [what, file = "", count = "0"] = process.argv.slice(2);
const timeline = await openSqliteTimeline(file);

if (what === "hold") {
  const lease = await timeline.lease("cluster/ledger", 3_600_000);
  process.stdout.write(`${lease?.token}\n`);
  setInterval(() => {}, 1_000);
} else {
  const controller = new AbortController();
  const append = async (): Promise<void> => {
    for (let n = 0; n < Number(count); n += 1)
      await timeline.append(n % 3 ? "shared" : "theirs", "any", [event("theirs")]);
  };
  const appended = append();
  let seen = 0;
  for await (const { stream, version, position } of timeline.subscribe(0, controller.signal)) {
    process.stdout.write(`${stream} ${version} ${position}\n`);
    seen += 1;
    if (seen === 2 * Number(count)) controller.abort();
  }
  await appended;
  await timeline.close();
}

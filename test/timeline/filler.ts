import { BlackstartError } from "../../src/base/error.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";

/** Appends until the store refuses, then says how many were acknowledged and with which error it ended. */
const timeline = await openSqliteTimeline(process.argv[2] ?? "");
let acknowledged = 0;
try {
  for (;;) {
    await timeline.append("a", "any", [{ kind: "test.filled", by: "test", data: { text: "x".repeat(3_000) } }]);
    acknowledged += 1;
  }
} catch (error) {
  const { code, why } = error as BlackstartError;
  process.stdout.write(JSON.stringify({ acknowledged, error: { code, why } }));
  process.exit(0);
}

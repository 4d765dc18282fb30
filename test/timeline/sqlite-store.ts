import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import type { Store } from "./conformance.ts";

export async function openSqliteStore(): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-test-"));
  const file = join(folder, "timeline.db");
  const handles: Timeline[] = [];
  const reopen = async (): Promise<Timeline> => {
    const timeline = await openSqliteTimeline(file, { pollMs: 5 });
    handles.push(timeline);
    return timeline;
  };
  return {
    timeline: await reopen(),
    reopen,
    close: async () => {
      for (const timeline of handles) await timeline.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

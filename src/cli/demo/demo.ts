import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { JsonObject } from "../../base/json.ts";
import { delay, systemClock } from "../../base/time.ts";
import { startUp } from "../../server/up.ts";
import { listLabs, openLab } from "../../lab/open.ts";
import { timelineFile } from "../../system/home.ts";
import { openSqliteTimeline } from "../../timeline/sqlite/store.ts";
import type { Outcome } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { openFleet } from "../open-fleet.ts";
import { counted, durationText } from "../output/quantities.ts";
import { createNarrator } from "./narrator.ts";
import { setStage } from "./stage.ts";
import { type DemoResult, tellStory } from "./story.ts";

/** So long customers are served before the primary is killed. */
const quietMs = 1500;

/** Sets the stage, breaks it, brings it back, and takes everything down again; what is learned stays. */
export async function demoCommand(context: CommandContext, options: { unattended?: boolean }): Promise<Outcome> {
  const { out, signal, home } = context;
  const tell = createNarrator(out, { unattended: options.unattended === true, signal });
  const labs = join(home, "labs");
  const started = performance.now();
  await clearAbandoned(labs, tell.line);
  const folder = join(home, "demos", `${systemClock.now().replaceAll(/[:.]/g, "-")}-${randomBytes(2).toString("hex")}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });

  tell.act("stage", "a payments service on a real cluster, on this machine");
  await using cleanup = new AsyncDisposableStack();
  const stage = cleanup.use(await setStage(labs, tell.line));
  const file = timelineFile(folder, stage.system.system);
  const timeline = await openSqliteTimeline(file);
  cleanup.defer(() => timeline.close());
  const fleet = await openFleet(stage.system, timeline);
  cleanup.defer(() => fleet.close());
  const up = await startUp({ system: stage.system, timeline, home: folder, port: 0 });
  cleanup.defer(() => up.close());
  await delay(quietMs, signal);

  const inDemo: CommandContext = {
    ...context,
    timeline: async () => timeline,
    system: async () => stage.system,
    fleet: async () => fleet,
  };
  const result = await tellStory({ context: inDemo, timeline, stage, tell, folder }, file);
  await cleanup.disposeAsync();
  tell.line("everything is torn down");
  tell.act("so", summaryOf(result, performance.now() - started));
  return { exitCode: result.outcome === "recovered" ? 0 : 1, result: result as unknown as JsonObject };
}

function summaryOf(result: DemoResult, tookMs: number): string {
  const { noticedMs, downtimeMs, lostWrites, ackedWrites, violationsFound, staleCacheFound } = result;
  const cache =
    staleCacheFound === null ? "" : `, ${counted(staleCacheFound, "stale cache entry", "stale cache entries")} removed`;
  return (
    `noticed in ${durationText(noticedMs)}, down for ${durationText(downtimeMs)}, ${lostWrites} of ${ackedWrites} acknowledged writes lost, ` +
    `${counted(violationsFound, "half-done transfer")} settled${cache}; the whole of it took ${durationText(tookMs)}`
  );
}

/** Labs of demos that were killed: nobody else would take them down. */
async function clearAbandoned(labs: string, say: (line: string) => void): Promise<void> {
  for (const { name, abandoned } of await listLabs(labs)) {
    if (!name.startsWith("demo-") || !abandoned) continue;
    say(`taking down ${name}, left by a demo that was killed`);
    await (await openLab(name, labs)).down();
  }
}

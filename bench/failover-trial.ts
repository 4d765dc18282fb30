import { join } from "node:path";
import { createFleet } from "../src/drivers/fleet.ts";
import { createLab } from "../src/lab/create.ts";
import { send } from "../src/lab/signals.ts";
import type { Lab } from "../src/lab/lab.ts";
import { startAutopilot } from "../src/mitigate/autopilot.ts";
import { rememberedOf } from "../src/mitigate/memory.ts";
import { mitigationHandlers } from "../src/mitigate/handlers.ts";
import { createExecutor } from "../src/plan/executor.ts";
import { registryOf } from "../src/plan/handler.ts";
import { createResponder } from "../src/respond/responder.ts";
import { loadSystem } from "../src/system/load.ts";
import type { System } from "../src/system/schema.ts";
import { openSqliteTimeline } from "../src/timeline/sqlite/store.ts";
import type { Timeline } from "../src/timeline/timeline.ts";
import { startWatcher } from "../src/watch/watcher.ts";
import { lostWrites, startWriter } from "../test/support/writer.ts";

export type Trial = Readonly<{
  downtimeMs: number;
  acknowledged: number;
  lost: number;
  steps: Readonly<Record<string, number>>;
}>;

const recoveredTimeoutMs = 30_000;

/** One outage, from the kill of the whole primary to a client's acknowledged write, with everything that `up` composes. */
export async function failoverTrial(lab: Lab): Promise<Trial> {
  const loaded = await loadSystem(lab.systemFile);
  const system: System = { ...loaded, mitigation: { ...loaded.mitigation, failover: "auto" } };
  const timeline = await openSqliteTimeline(join(lab.directory, "timeline.db"));
  const fleet = createFleet(system, async (cluster, node) => (await rememberedOf(timeline, cluster)).get(node));
  const executor = createExecutor({
    timeline,
    handlers: registryOf(...mitigationHandlers({ system, fleet, timeline })),
  });
  const problems: unknown[] = [];
  const note = (problem: unknown) => void problems.push(problem);
  const responder = createResponder({ system, timeline });
  const autopilot = startAutopilot({ system, timeline, fleet, executor, onProblem: note });
  const watcher = startWatcher({
    system,
    report: (change) => void responder.take(change).catch(note),
    observed: (event) =>
      void timeline.append(`cluster/${event.data.cluster}`, "any", [{ ...event, by: "watch" }]).catch(note),
  });
  const writer = await startWriter({ addressFile: lab.addressFile });
  try {
    await watcher.looked();
    await writer.nextAcknowledged(Date.now() + 50, 5000);
    const { pids = [] } = (await (await fleet.instance("ledger", "pg1"))?.inspect()) ?? {};
    const killedAt = Date.now();
    // All in one go: a fault of the lab looks afterwards whether it took effect, and that time would be counted.
    for (const pid of pids) send(pid, "SIGKILL");
    const at = await writer.nextAcknowledged(Date.now() + 1, recoveredTimeoutMs).catch((error) => {
      throw new AggregateError([error, ...problems]);
    });
    await writer.stop();
    const acknowledged = writer.acknowledged();
    const { host } = new URL(`postgres://${await addressIn(lab)}`);
    const lost = await lostWrites(`postgres://blackstart@${host}/postgres`, acknowledged);
    return {
      downtimeMs: at - killedAt,
      acknowledged: acknowledged.length,
      lost: lost.length,
      steps: await stepTimes(timeline, killedAt),
    };
  } finally {
    await writer.stop();
    await watcher.close();
    await autopilot.close();
    await fleet.close();
    await timeline.close();
  }
}

/** A lab looks for its primary 100 times a second, with a new process each time; here as often as users' standbys do. */
export function trialLab(): Promise<Lab> {
  return createLab({ settings: { wal_retrieve_retry_interval: "5s" } });
}

async function addressIn(lab: Lab): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return (await readFile(lab.addressFile, "utf8")).trim();
}

/** When each event came, in milliseconds after the kill: where the time goes. */
async function stepTimes(timeline: Timeline, killedAt: number): Promise<Record<string, number>> {
  const events = await timeline.read({});
  const times: Record<string, number> = {};
  for (const event of events) {
    const step = (event.data as { step?: string }).step;
    const after = Date.parse(event.at) - killedAt;
    if (after >= 0 && event.kind !== "step.intended")
      times[step === undefined ? event.kind : `${event.kind} ${step}`] ??= after;
  }
  return times;
}

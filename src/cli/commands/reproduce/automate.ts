import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Lab } from "../../../lab/lab.ts";
import { listPlans } from "../../../plan/status.ts";
import type { Automation } from "../../../reproduce/trial/world.ts";
import { startUp } from "../../../server/up.ts";
import { loadSystem } from "../../../system/load.ts";
import type { IncidentEvent } from "../../../timeline/incident.ts";
import { readAll } from "../../../timeline/read-all.ts";
import { openSqliteTimeline } from "../../../timeline/sqlite/store.ts";
import type { Event } from "../../../timeline/timeline.ts";

/** Blackstart itself, watching the lab and failing over where that is safe. */
export async function automate(lab: Lab): Promise<Automation> {
  const loaded = await loadSystem(lab.systemFile);
  const system = { ...loaded, mitigation: { ...loaded.mitigation, failover: "auto" as const } };
  const timeline = await openSqliteTimeline(join(lab.directory, "timeline.db"));
  const up = await startUp({ system, timeline, home: lab.directory, port: 0, token: randomUUID() });
  return {
    isBusy: async () => (await listPlans(timeline)).some(({ state }) => state === "running"),
    said: async () => (await readAll(timeline, {})).flatMap(wordsOf).at(-1),
    async close() {
      await up.close();
      await timeline.close();
    },
  };
}

/** Why it left something to people, what it proposed to them, or how its last plan ended. */
function wordsOf(event: Event): readonly string[] {
  const { kind, data } = event as unknown as IncidentEvent;
  if (kind === "incident.noted") return [data.text];
  if (kind === "incident.plan-proposed") return [`proposed: ${data.title}`];
  return kind === "incident.plan-ended" ? [`${data.planKind}: ${data.outcome}. ${data.state}`] : [];
}

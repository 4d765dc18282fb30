import type { JsonObject } from "../../base/json.ts";
import { readAll } from "../../timeline/read-all.ts";
import type { Timeline } from "../../timeline/timeline.ts";
import type { Configuration } from "../scenario/configuration.ts";
import { configurationKey, type TrialResult } from "./result.ts";

/**
 * The trials that were made, in a stream of the timeline: on disk before they count. So whoever is killed goes on where
 * he was, and two at once lose nothing.
 */
export interface TrialLog {
  /**
   * Of this configuration, in the order in which they were made. Those that could not be carried out are made again: what
   * kept them from it (a missing program, no room) may be mended by now.
   */
  of(configuration: Configuration): readonly TrialResult[];
  add(result: TrialResult): Promise<void>;
  /** How many there are, of all configurations. */
  count(): number;
}

/** @param stream one for each scenario as it stands: changed, it is another */
export async function openTrialLog(timeline: Timeline, stream: string): Promise<TrialLog> {
  const byKey = new Map<string, TrialResult[]>();
  const keep = (result: TrialResult) => {
    const key = configurationKey(result.configuration);
    byKey.set(key, [...(byKey.get(key) ?? []), result]);
  };
  for (const { kind, data } of await readAll(timeline, { stream }))
    if (kind === "trial.finished") {
      const { trial } = data as unknown as { trial: TrialResult };
      if (trial.outcome !== "unresolved") keep(trial);
    }
  return {
    of: (configuration) => byKey.get(configurationKey(configuration)) ?? [],
    async add(trial) {
      const data = { trial: trial as unknown as JsonObject };
      await timeline.append(stream, "any", [{ kind: "trial.finished", by: "reproduce", data }]);
      keep(trial);
    },
    count: () => [...byKey.values()].reduce((sum, { length }) => sum + length, 0),
  };
}

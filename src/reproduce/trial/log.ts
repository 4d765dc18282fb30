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
  /** The trial of this configuration that was begun as the n-th; undefined: it is still to be made. */
  at(configuration: Configuration, sequence: number): TrialResult | undefined;
  /**
   * All of this configuration, in the order in which they were begun. Those that could not be carried out are made again:
   * what kept them from it (a missing program, no room) may be mended by now.
   */
  of(configuration: Configuration): readonly TrialResult[];
  add(result: TrialResult): Promise<void>;
  /** How many there are, of all configurations. */
  count(): number;
  /** From here on none is known. What was measured stays in the stream. */
  forget(): Promise<void>;
}

/** @param stream one for each scenario as it stands: changed, it is another */
export async function openTrialLog(timeline: Timeline, stream: string): Promise<TrialLog> {
  const byKey = new Map<string, Map<number, TrialResult>>();
  const known = (configuration: Configuration) => byKey.get(configurationKey(configuration));
  const keep = (result: TrialResult) => {
    const key = configurationKey(result.configuration);
    const all = byKey.get(key) ?? new Map<number, TrialResult>();
    byKey.set(key, all);
    // Two that were run at once have each made one: the first is the trial, whatever the second showed.
    if (!all.has(result.sequence)) all.set(result.sequence, result);
  };
  const append = (kind: string, data: JsonObject) =>
    timeline.append(stream, "any", [{ kind, by: "reproduce", data }]).then(() => undefined);
  for (const { kind, data } of await readAll(timeline, { stream })) {
    if (kind === "trials.forgotten") byKey.clear();
    if (kind !== "trial.finished") continue;
    const { trial } = data as unknown as { trial: TrialResult };
    if (trial.outcome !== "unresolved") keep(trial);
  }
  return {
    at: (configuration, sequence) => known(configuration)?.get(sequence),
    of: (configuration) =>
      [...(known(configuration)?.values() ?? [])].toSorted((one, other) => one.sequence - other.sequence),
    async add(trial) {
      await append("trial.finished", { trial: trial as unknown as JsonObject });
      keep(trial);
    },
    count: () => [...byKey.values()].reduce((sum, { size }) => sum + size, 0),
    async forget() {
      await append("trials.forgotten", {});
      byKey.clear();
    },
  };
}

import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { BlackstartError } from "../../../base/error.ts";
import type { JsonObject } from "../../../base/json.ts";
import type { Lab } from "../../../lab/lab.ts";
import { openReproduction, type Reproduction } from "../../../reproduce/reproduction.ts";
import type { Scenario } from "../../../reproduce/scenario/schema.ts";
import type { TrialResult } from "../../../reproduce/trial/result.ts";
import type { RunTrial } from "../../../reproduce/trial/series.ts";
import { startUp } from "../../../server/up.ts";
import { loadSystem } from "../../../system/load.ts";
import { openSqliteTimeline } from "../../../timeline/sqlite/store.ts";
import type { CommandContext } from "../../context.ts";
import { reproductionsFolder } from "../../system-file.ts";

export type Opened = Readonly<{ reproduction: Reproduction; folder: string }>;

/** The trials of a scenario, those that were made before and those to come. What is made is shown as it comes. */
export async function openTrials(
  context: CommandContext,
  scenario: Scenario,
  options: Readonly<{
    /** The scenario's file, where it has one. */
    file: string | undefined;
    jobs: number;
    fresh: boolean;
    run?: RunTrial;
    besides?: string;
    onTrial(result: TrialResult): void;
  }>,
): Promise<Opened> {
  const folder = join(reproductionsFolder(context.home), scenario.scenario);
  await mkdir(folder, { recursive: true });
  const timeline = await openSqliteTimeline(join(folder, "trials.db"));
  context.defer(() => timeline.close());
  const { jobs, onTrial, run, besides = "" } = options;
  const reproduction = await openReproduction({
    scenario,
    scenarioFolder: options.file === undefined ? process.cwd() : dirname(resolve(options.file)),
    timeline,
    folder,
    jobs,
    signal: context.signal,
    automate,
    besides,
    onTrial: (result) => {
      context.out.record({ trial: result as unknown as JsonObject });
      onTrial(result);
    },
    ...(run === undefined ? {} : { run }),
  });
  context.defer(() => reproduction.close());
  if (options.fresh) await reproduction.log.forget();
  return { reproduction, folder };
}

/** Blackstart itself, watching the lab and failing over where that is safe. */
async function automate(lab: Lab): Promise<{ close(): Promise<void> }> {
  const loaded = await loadSystem(lab.systemFile);
  const system = { ...loaded, mitigation: { ...loaded.mitigation, failover: "auto" as const } };
  const timeline = await openSqliteTimeline(join(lab.directory, "timeline.db"));
  const up = await startUp({ system, timeline, home: lab.directory, port: 0, token: randomUUID() });
  return {
    async close() {
      await up.close();
      await timeline.close();
    },
  };
}

/** A count that was given as text. */
export function countOf(option: string, text: string, least: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= least && count <= 100_000) return count;
  throw new BlackstartError("USAGE", {
    what: `${option} ${text} is no such count.`,
    why: `It must be a whole number from ${least} to 100,000.`,
    next: `For example: ${option} ${Math.max(least, 10)}`,
  });
}

import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { BlackstartError } from "../../../base/error.ts";
import type { JsonObject } from "../../../base/json.ts";
import { openReproduction, type Reproduction } from "../../../reproduce/reproduction.ts";
import type { Scenario } from "../../../reproduce/scenario/schema.ts";
import type { TrialResult } from "../../../reproduce/trial/result.ts";
import type { RunTrial } from "../../../reproduce/trial/series.ts";
import { openSqliteTimeline } from "../../../timeline/sqlite/store.ts";
import type { CommandContext } from "../../context.ts";
import { reproductionsFolder } from "../../system-file.ts";
import { automate } from "./automate.ts";

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

/** Where a manager does it, a trial mostly waits: for elections, time-outs, silences. Where nobody does, it mostly works. */
const usualJobs = { streaming: 1, patroni: 2, pacemaker: 3 } as const;
/** More than a cluster of three with its manager takes: some 150 MiB a node. */
const bytesPerCluster = 700 * 2 ** 20;

/** @param text how many trials are made at once; undefined: as many as suits the manager and this machine's memory */
export function jobsFor(scenario: Scenario, text: string | undefined): number {
  if (text !== undefined) return countOf("--jobs", text, 1);
  const room = Math.floor(process.availableMemory() / bytesPerCluster);
  return Math.max(1, Math.min(usualJobs[scenario.cluster.manager], room));
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

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { findBinaries } from "../lab/binaries.ts";
import { createSpares } from "../lab/spares.ts";
import type { Timeline } from "../timeline/timeline.ts";
import { allFactors, type Configuration, trialSpec } from "./scenario/configuration.ts";
import type { Scenario } from "./scenario/schema.ts";
import { clearHalves, configurationFolder, keepLogs } from "./trial/kept-logs.ts";
import { openTrialLog, type TrialLog } from "./trial/log.ts";
import type { TrialResult } from "./trial/result.ts";
import { type Needed, type RunTrial, series } from "./trial/series.ts";
import { runTrial } from "./trial/trial.ts";
import { clearTrialFolder, makeTrialLab, trialFolder } from "./trial/trial-lab.ts";
import type { Means } from "./trial/world.ts";

/** The trials of one scenario, known and to come. */
export interface Reproduction {
  readonly log: TrialLog;
  /** The trials of a configuration, without end; see `series`. */
  trials(configuration: Configuration, needed?: Needed): AsyncGenerator<TrialResult>;
  /** What the manager of such a cluster is configured to and knows, before anything is done to it; a cluster is made for it. */
  managerConfiguration(): Promise<string>;
  close(): Promise<void>;
}

export type ReproductionOptions = Readonly<{
  scenario: Scenario;
  /** Where its file lies. */
  scenarioFolder: string;
  timeline: Timeline;
  /** Where logs are kept, and clusters where memory has no room for them. */
  folder: string;
  jobs: number;
  signal: AbortSignal;
  onTrial: (result: TrialResult) => void;
  automate: Means["automate"];
  /** What carries out a trial, where it is not the lab: an oracle of the user's own. */
  run?: RunTrial;
  /** Part of what a trial is besides the scenario: the oracle's command. */
  besides?: string;
}>;

/** Trials are remembered by what they are: a scenario that was changed, or another PostgreSQL, begins anew. */
export async function openReproduction(options: ReproductionOptions): Promise<Reproduction> {
  const { scenario, timeline, jobs, signal, onTrial } = options;
  const version = options.run === undefined ? (await findBinaries()).version : "";
  const { about: _, ...told } = scenario;
  const digest = createHash("sha256").update(JSON.stringify([told, version, options.besides ?? ""]));
  for (const file of await filesOf(options)) digest.update(await readFile(file));
  const key = digest.digest("hex").slice(0, 12);
  const log = await openTrialLog(timeline, `reproduction/${key}`);
  const labs = await trialFolder(scenario.cluster, join(options.folder, "labs"));
  await clearTrialFolder(labs);
  const kept = join(options.folder, key);
  await clearHalves(kept);
  const all = allFactors(scenario);
  const spares = createSpares(labs);
  const means: Means = {
    scenarioFolder: options.scenarioFolder,
    makeLab: (spec) => makeTrialLab(spec, { folder: labs, spares, scenarioFolder: options.scenarioFolder }, signal),
    automate: options.automate,
    keepLogs: (lab, { configuration, outcome }) =>
      keepLogs(lab, join(kept, configurationFolder(configuration, all), outcome)),
  };
  const run: RunTrial = options.run ?? ((configuration) => runTrial(scenario, configuration, means, signal));
  return {
    log,
    trials: (configuration, needed) => series(configuration, { log, run, jobs, needed, signal, onTrial }),
    async managerConfiguration() {
      const lab = await means.makeLab(trialSpec(scenario, []), signal);
      return lab.configuration().finally(() => lab.down());
    },
    async close() {
      await spares.close();
      await clearTrialFolder(labs);
    },
  };
}

/** What a trial is made of besides the scenario: the cluster's configuration, and what lies in the folder of its name. */
async function filesOf({ scenario, scenarioFolder }: ReproductionOptions): Promise<readonly string[]> {
  const own = join(scenarioFolder, scenario.scenario);
  const names = await readdir(own, { recursive: true, withFileTypes: true }).catch(() => []); // It has no such folder.
  const programs = names.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const { configuration } = scenario.cluster;
  // One that is not there is told of when the cluster is made.
  const files = [
    ...(configuration === undefined ? [] : [resolve(scenarioFolder, configuration)]),
    ...programs.toSorted(),
  ];
  return files.filter((file) => existsSync(file));
}

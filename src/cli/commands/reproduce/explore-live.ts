import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { openLab, recordsIn } from "../../../lab/open.ts";
import type { LabRecord } from "../../../lab/record.ts";
import { exploreLive, type LiveFinding } from "../../../reproduce/explore/live/explore.ts";
import { sequenceText } from "../../../reproduce/explore/live/faults.ts";
import {
  type LiveCluster,
  liveFaultsMax,
  liveScenario,
  sequenceScenario,
} from "../../../reproduce/explore/live/scenario.ts";
import type { Reached } from "../../../reproduce/explore/live/search.ts";
import { troublesOf } from "../../../reproduce/trial/rest.ts";
import { durationMs } from "../../../system/duration.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted, durationText } from "../../output/quantities.ts";
import { labsFolder } from "../../system-file.ts";
import { liveFinding, liveJson, liveSummary } from "./explore-live-report.ts";
import { countOf, openTrials } from "./open.ts";

export type LiveExploreOptions = Readonly<{
  manager?: string;
  lab?: string;
  cib?: string;
  faults?: string;
  states?: string;
  trials: string;
  jobs: string;
  quietFor?: string;
  automation?: "none" | "blackstart";
  proxied?: boolean;
  out?: string;
  fresh?: boolean;
}>;

const usual = { faults: "1", states: "1000", repeats: 3, standbys: ["synchronous", "asynchronous"] } as const;

/** The shortest with which Patroni works (see its rule in the lab): the question is where it ends, not how fast. */
const shortTimes = { ttl: 7, loopWait: 1, retryTimeout: 3 };
const streamingQuietMs = 20_000;

/** The clusters that the lab itself has to be asked about; undefined: there is a scheduler that can be asked. */
export async function liveClusterOf(
  { home }: CommandContext,
  { manager, lab, cib, automation, proxied }: LiveExploreOptions,
): Promise<LiveCluster | undefined> {
  if (cib !== undefined && manager === undefined) return undefined;
  if (cib !== undefined || manager === "pacemaker") throw askTheScheduler(manager);
  if (manager === undefined && lab === undefined) return undefined;
  const record = manager === undefined && lab !== undefined ? await recordOf(lab, labsFolder(home)) : undefined;
  const name = record?.manager.kind ?? manager;
  if (name !== "streaming" && name !== "patroni") return undefined;
  return {
    manager: name,
    standbys: record === undefined ? usual.standbys : standbysOf(record),
    proxied: proxied === true || (record?.manager.kind !== "pacemaker" && (record?.manager.routes.length ?? 0) > 0),
    // With nobody who fails over every loss of the primary blocks: that is known without a search.
    automation: automation ?? (name === "streaming" ? "blackstart" : "none"),
    ...(name === "patroni" ? { times: record?.manager.kind === "patroni" ? record.manager.times : shortTimes } : {}),
  };
}

export async function exploreLiveCommand(
  context: CommandContext,
  options: LiveExploreOptions,
  cluster: LiveCluster,
): Promise<Outcome> {
  const { out, signal } = context;
  const faultsMax = faultsOf(options.faults ?? usual.faults);
  const quietForMs = options.quietFor === undefined ? usualQuietMs(cluster) : durationOption(options.quietFor);
  const scenario = liveScenario(cluster, quietForMs);
  let made = 0;
  const { reproduction, folder } = await openTrials(context, scenario, {
    file: undefined,
    jobs: 1,
    fresh: options.fresh === true,
    onTrial: () => {
      made += 1;
    },
  });
  if (options.lab !== undefined && options.manager === undefined)
    out.progress(`The lab ${options.lab} is not touched: clusters made like it are, one for each sequence of faults.`);
  const progress = liveProgress(context);
  const report = await exploreLive({
    tried: cluster,
    trials: (configuration) => reproduction.trials(configuration),
    repeats: usual.repeats,
    faultsMax,
    statesMax: countOf("--states", options.states ?? usual.states, 1),
    trialsMax: countOf("--trials", options.trials, 1),
    jobs: countOf("--jobs", options.jobs, 1),
    signal,
    ...progress,
  }).finally(() => progress.end());
  const [first] = report.failed;
  if (first !== undefined && first.faults.length === 0) throw noCluster(first.why);

  const place = options.out === undefined ? join(folder, foundFolder(cluster, quietForMs)) : resolve(options.out);
  const files = await writeScenarios(place, report.findings, cluster, quietForMs);
  for (const [index, found] of report.findings.entries()) {
    if (index > 0) out.text("");
    out.finding(liveFinding(found, cluster, quietForMs, files[index]));
  }
  out.text(...liveSummary(report, { made, faultsMax, interrupted: signal.aborted }));
  const isWhole = report.ended === undefined && report.failed.length === 0;
  return {
    exitCode: report.findings.length > 0 ? 1 : isWhole ? 0 : 4,
    result: liveJson(report, { cluster, made, faultsMax, quietForMs, folder, files }),
  };
}

/** What was found in one kind of cluster must not replace what was found in another. */
function foundFolder(cluster: LiveCluster, quietForMs: number): string {
  const digest = createHash("sha256").update(JSON.stringify([cluster, quietForMs]));
  return `found-${digest.digest("hex").slice(0, 6)}`;
}

/** A scenario for each, where it has any fault at all. */
async function writeScenarios(
  folder: string,
  findings: readonly LiveFinding[],
  cluster: LiveCluster,
  quietForMs: number,
): Promise<readonly (string | undefined)[]> {
  const files: (string | undefined)[] = [];
  for (const { faults, trouble } of findings) {
    const number = files.length + 1;
    const file = faults.length === 0 ? undefined : join(folder, `${trouble}-${number}.yaml`);
    files.push(file);
    if (file === undefined) continue;
    const comment = `Found by: blackstart reproduce explore. Run it:\n  blackstart reproduce run ${file}`;
    const text = sequenceScenario(cluster, quietForMs, faults, trouble, comment);
    await mkdir(folder, { recursive: true })
      .then(() => writeFile(file, text))
      .catch((error) => {
        throw new BlackstartError("USAGE", {
          what: `The scenario ${file} cannot be written.`,
          why: messageOf(error),
          next: "Name another folder (--out) and run it again: the trials are known, so it takes no time.",
        });
      });
  }
  return files;
}

function usualQuietMs({ times }: LiveCluster): number {
  if (times === undefined) return streamingQuietMs;
  // So long Patroni may take by its own times; twice, because a promotion takes its time as well.
  return 2 * 1000 * (times.ttl + times.loopWait + times.retryTimeout);
}

/** What is under way, in a line that is written over; what stays are the troubles, as they are found. */
function liveProgress({ out }: CommandContext) {
  const line = out.liveLine();
  const startedMs = performance.now();
  let [begun, level, states] = [0, -1, 0];
  const show = (what: string) =>
    line.show(`  … ${durationText(performance.now() - startedMs)}  ${counted(states, "state")}; ${what}`);
  return {
    onBegin(faults: Reached["faults"], of: number) {
      if (faults.length > level) [begun, level] = [0, faults.length];
      begun += 1;
      show(`${begun} of ${of} with ${counted(level, "fault")}: ${level === 0 ? "none" : sequenceText(faults)}`);
    },
    onReached({ rest, faults }: Reached) {
      states += 1;
      for (const trouble of troublesOf(rest)) line.say(`  ● ${trouble} after: ${sequenceText(faults)}`);
    },
    onRepeat: (faults: Reached["faults"]) => show(`once more: ${sequenceText(faults)}`),
    end: () => line.end(),
  };
}

async function recordOf(name: string, home: string): Promise<LabRecord | undefined> {
  await openLab(name, home); // Says what there is, where it is none.
  return recordsIn(home).find((record) => record.name === name);
}

function standbysOf({ nodes }: LabRecord): LiveCluster["standbys"] {
  return nodes.flatMap(({ role }) => (role === "primary" ? [] : [role]));
}

function faultsOf(text: string): number {
  const count = countOf("--faults", text, 1);
  if (count <= liveFaultsMax) return count;
  throw new BlackstartError("USAGE", {
    what: `--faults ${text} is more than ${liveFaultsMax}.`,
    why: "Each sequence is a trial on a cluster of its own, and every fault more multiplies them.",
    next: "Begin with 1, and see how long it takes.",
  });
}

function durationOption(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms >= 1000) return ms;
  throw new BlackstartError("USAGE", {
    what: `--quiet-for ${text} is no duration of a second or more.`,
    why: "So long nobody must have taken a write before that is called an outage.",
    next: "Write 15s or 1m.",
  });
}

function askTheScheduler(manager: string | undefined): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `--manager ${manager} is not asked by trials${manager === "pacemaker" ? "" : " of a CIB"}.`,
    why: "Pacemaker has a scheduler that can be asked, thousands of times faster than a cluster.",
    next: "Give it its configuration: --cib cib.xml, or --lab <name>; without --manager.",
  });
}

function noCluster(why: string): BlackstartError {
  return new BlackstartError("SYMPTOM_UNFIT", {
    what: "Not even a cluster without any fault could be observed.",
    why,
    next: "Make one by hand to see more: blackstart lab up.",
  });
}

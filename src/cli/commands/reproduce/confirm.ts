import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { allOrFirstError } from "../../../base/all-or-first-error.ts";
import { BlackstartError, messageOf, whatAndWhy } from "../../../base/error.ts";
import { configurationOf, scenarioOf } from "../../../reproduce/explore/as-scenario.ts";
import type { BlockedFinding, Report } from "../../../reproduce/explore/explore.ts";
import { control, count } from "../../../reproduce/control.ts";
import { allFactors } from "../../../reproduce/scenario/configuration.ts";
import { loadScenario } from "../../../reproduce/scenario/load.ts";
import type { TrialResult } from "../../../reproduce/trial/result.ts";
import type { Needed } from "../../../reproduce/trial/series.ts";
import type { CommandContext } from "../../context.ts";
import { openTrials } from "./open.ts";

/** What a live cluster of the configuration did. */
export type Live =
  | Readonly<{
      /** With the faults alone; what was seen last. */
      found: Seen;
      /** With the repair made before; undefined: none was found. */
      repaired: Seen | undefined;
      /** The scenario, to be run again. */
      file: string;
    }>
  | Readonly<{ problem: string }>;

export type Seen = Readonly<{ outage: boolean; words: string }>;

/**
 * Runs what was found on paper in labs: the sequence as it is, and with its first repair. A control run without the faults
 * comes first, so that what the lab itself does not bear is not taken for the outage.
 */
export async function confirmLive(
  context: CommandContext,
  report: Report,
  given: Readonly<{ name: string; folder: string | undefined }>,
): Promise<ReadonlyMap<BlockedFinding, Live>> {
  const digest = createHash("sha256").update(configurationOf(report.cib, report.initial)).digest("hex").slice(0, 6);
  const base = `explore-${given.name
    .replace(/\.\w+$/, "")
    .replaceAll(/[^A-Za-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")}-${digest}`;
  const folder = given.folder ?? join(context.home, "reproductions", base);
  await makeFolder(folder);
  await writeFile(join(folder, `${base}.cib.xml`), configurationOf(report.cib, report.initial));
  const lives = new Map<BlockedFinding, Live>();
  for (const [index, finding] of report.blocked.entries()) {
    const name = `${base}-${index + 1}`;
    // What was found is told, also when it is not all tried.
    if (context.signal.aborted) break;
    context.out.progress(`Trying finding ${index + 1} of ${report.blocked.length} in a lab: as it is, and repaired …`);
    lives.set(finding, await confirmOne(context, report, finding, { folder, base, name }).catch(problemOf(context)));
  }
  return lives;
}

/** What cannot be tried here (no root, no room, an interruption) takes nothing from what was found on paper. */
function problemOf({ signal }: CommandContext): (error: unknown) => Live {
  return (error) => {
    if (signal.aborted) return { problem: "it was interrupted" };
    return { problem: error instanceof BlackstartError ? whatAndWhy(error) : messageOf(error) };
  };
}

/** Also before the search, so that nobody searches for a place that there is not. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw new BlackstartError("USAGE", {
      what: `The folder ${folder} for the scenarios cannot be made.`,
      why: messageOf(error),
      next: "Name another one with --out.",
    });
  });
}

type Place = Readonly<{ folder: string; base: string; name: string }>;

async function confirmOne(
  context: CommandContext,
  report: Report,
  finding: BlockedFinding,
  place: Place,
): Promise<Live> {
  const { cib, initial } = report;
  const faults = finding.group.states[0]?.faults ?? [];
  const repair = finding.repairs.sufficient[0]?.change.edits;
  const write = async (name: string, edits: typeof repair): Promise<string> => {
    const scenario = scenarioOf({ name, cib, initial, faults, repair: edits ?? [] }, `${place.base}.cib.xml`);
    const file = join(place.folder, `${name}.yaml`);
    await writeFile(file, stringify(scenario, { lineWidth: 0 }));
    return file;
  };
  const file = await write(place.name, undefined);
  const repairedFile = repair === undefined ? undefined : await write(`${place.name}-repaired`, repair);
  // Each waits most of its time for a cluster: together they take little longer than one.
  const [found, repaired] = await allOrFirstError([
    seenIn(context, file, true),
    repairedFile === undefined ? undefined : seenIn(context, repairedFile, false),
  ]);
  return { found, repaired, file };
}

/** One trial with everything. */
async function seenIn(context: CommandContext, file: string, withControl: boolean): Promise<Seen> {
  const scenario = await loadScenario(file);
  const { reproduction } = await openTrials(context, scenario, {
    file,
    jobs: 1,
    fresh: true,
    onTrial: () => undefined,
  });
  const results: TrialResult[] = [];
  async function* kept(needed: Needed) {
    for await (const trial of reproduction.trials(allFactors(scenario), needed)) {
      results.push(trial);
      yield trial;
    }
  }
  const [seen] = await allOrFirstError([count(kept, 1), withControl ? control(reproduction.trials, 1) : undefined]);
  const words = results.at(-1)?.moments.at(-1)?.what ?? "";
  if (seen.trials > 0) return { outage: seen.reproduced > 0, words };
  throw new BlackstartError("SYMPTOM_UNFIT", {
    what: "The sequence could not be carried out in a lab.",
    why: seen.problem ?? words,
    next: `See what happens: blackstart reproduce run ${file}`,
  });
}

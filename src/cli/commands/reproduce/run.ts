import { writeFile } from "node:fs/promises";
import { arch, hostname, release, type } from "node:os";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { didYouMean } from "../../../base/nearest.ts";
import { systemClock } from "../../../base/time.ts";
import { journalOf, type Told } from "../../../reproduce/chaos-toolkit/journal.ts";
import { control, count } from "../../../reproduce/control.ts";
import { allFactors, type Configuration, normalized } from "../../../reproduce/scenario/configuration.ts";
import { loadScenario } from "../../../reproduce/scenario/load.ts";
import type { Scenario } from "../../../reproduce/scenario/schema.ts";
import { wilsonInterval } from "../../../reproduce/statistics/interval.ts";
import type { TrialResult } from "../../../reproduce/trial/result.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted, durationText } from "../../output/quantities.ts";
import { countOf, jobsFor, openTrials } from "./open.ts";
import { trialProgress } from "./progress.ts";

export type RunOptions = Readonly<{
  trials: string;
  control: string;
  only?: string;
  jobs?: string;
  fresh?: boolean;
  journal?: string;
}>;

export async function runCommand(context: CommandContext, options: RunOptions, file: string): Promise<Outcome> {
  const scenario = await loadScenario(file);
  const configuration = options.only === undefined ? allFactors(scenario) : factorsNamed(scenario, options.only);
  const wanted = countOf("--trials", options.trials, 1);
  const controls = countOf("--control", options.control, 1);
  const progress = trialProgress(context);
  let madeNow = 0;
  const { reproduction, folder } = await openTrials(context, scenario, {
    file,
    jobs: jobsFor(scenario, options.jobs),
    fresh: options.fresh === true,
    onTrial(trial) {
      madeNow += 1;
      progress.trial(trial);
    },
  });
  const start = systemClock.now();
  const made = { control: [] as TrialResult[], trials: [] as TrialResult[] };
  try {
    progress.about(`control run, ${counted(controls, "trial")} without any factor`);
    const healthy = await control((none, needed) => kept(reproduction.trials(none, needed), made.control), controls);
    progress.about(`${counted(wanted, "trial")} with ${configuration.join(", ")}`);
    const seen = await count((needed) => kept(reproduction.trials(configuration, needed), made.trials), wanted);
    progress.end();
    if (seen.trials === 0) throw notCarriedOut(seen);
    const interval = wilsonInterval(seen.reproduced, seen.trials);
    const trials = reproduction.log.of(configuration);
    tell(context, scenario, { seen, interval, healthy, trials });
    if (madeNow < healthy.trials + seen.trials)
      context.out.progress(
        `Of these trials ${healthy.trials + seen.trials - madeNow} were known from before, ${madeNow} made now; --fresh begins anew.`,
      );
    const logs = trials.flatMap((trial) => trial.logs ?? []);
    return {
      result: {
        result: "run",
        scenario: scenario.scenario,
        factors: configuration,
        trials: seen.trials,
        reproduced: seen.reproduced,
        unresolved: seen.unresolved,
        interval,
        control: { trials: healthy.trials, reproduced: healthy.reproduced },
        folder,
        logs,
      },
    };
  } finally {
    progress.end();
    if (options.journal !== undefined) await writeJournal(context, options.journal, { scenario, start, ...made });
  }
}

/** The trials as they come, put aside as well. */
async function* kept(trials: AsyncGenerator<TrialResult>, aside: TrialResult[]): AsyncGenerator<TrialResult> {
  for await (const trial of trials) {
    aside.push(trial);
    yield trial;
  }
}

/** Also of a series that was not finished: the journal says so. */
async function writeJournal(
  { out, signal }: CommandContext,
  file: string,
  told: Pick<Told, "scenario" | "start" | "control" | "trials">,
): Promise<void> {
  const machine = { platform: [type(), release(), arch()].join("-"), node: hostname() };
  const journal = journalOf({ ...told, end: systemClock.now(), interrupted: signal.aborted, machine });
  await writeFile(file, `${JSON.stringify(journal, null, 2)}\n`).catch((error) => {
    throw new BlackstartError("USAGE", {
      what: `The journal ${file} cannot be written.`,
      why: messageOf(error),
      next: "Name another file and run it again: the trials are known, so it takes no time.",
    });
  });
  out.progress(`The journal is in ${file}.`);
}

type Answer = Readonly<{
  seen: Awaited<ReturnType<typeof count>>;
  interval: readonly [number, number];
  healthy: Awaited<ReturnType<typeof control>>;
  trials: readonly TrialResult[];
}>;

function tell({ out }: CommandContext, scenario: Scenario, { seen, interval, healthy, trials }: Answer): void {
  const { style } = out;
  const percent = (rate: number) => `${Math.round(rate * 100)} %`;
  out.text(
    `${style.bold(scenario.scenario)}: reproduced in ${style.bold(`${seen.reproduced} of ${seen.trials}`)} trials (95 % confidence: ${percent(interval[0])} to ${percent(interval[1])}); in the control run in ${healthy.reproduced} of ${healthy.trials}.`,
  );
  if (seen.unresolved > 0) out.text(`${counted(seen.unresolved, "trial")} could not be carried out and do not count.`);
  for (const outcome of ["reproduced", "not-reproduced", "unresolved"] as const) {
    const example = trials.find((trial) => trial.outcome === outcome);
    if (example === undefined) continue;
    out.text("", style.bold(`A trial that ended: ${outcome.replaceAll("-", " ")} (${durationText(example.tookMs)})`));
    for (const { atMs, what } of example.moments) out.text(`  ${durationText(atMs).padStart(8)}  ${what}`);
    if (example.logs !== undefined) out.text(`            logs: ${example.logs}`);
  }
  out.text(
    "",
    `Next: "blackstart reproduce minimize" finds which of the ${counted(scenario.factors.length, "factor")} matter.`,
  );
}

function notCarriedOut({ unresolved, problem }: Awaited<ReturnType<typeof count>>): BlackstartError {
  return new BlackstartError("SYMPTOM_UNFIT", {
    what: `No trial could be carried out: ${counted(unresolved, "attempt")}.`,
    why: problem ?? "",
    next: "Correct the scenario; the logs that were kept may say more.",
  });
}

function factorsNamed(scenario: Scenario, text: string): Configuration {
  const known = allFactors(scenario);
  const names = text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  for (const name of names)
    if (!known.includes(name))
      throw new BlackstartError("UNKNOWN_NAME", {
        what: `The scenario has no factor “${name}”.${didYouMean(name, known)}`,
        why: `Its factors are ${known.join(", ")}.`,
        next: "Name some of them, separated by commas.",
      });
  const present = normalized(scenario, names);
  const lost = names.filter((name) => !present.includes(name));
  if (names.length > 0 && lost.length === 0) return present;
  throw new BlackstartError("USAGE", {
    what: names.length === 0 ? "--only names no factor." : `${lost.join(", ")} cannot be tried alone.`,
    why:
      names.length === 0
        ? "Trials without any factor are the control run."
        : "It means nothing without the factors in its `needs`.",
    next: `Name some of ${known.join(", ")}, with what they need.`,
  });
}

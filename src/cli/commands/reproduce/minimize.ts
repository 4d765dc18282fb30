import { BlackstartError, whatAndWhy } from "../../../base/error.ts";
import { control, reference } from "../../../reproduce/control.ts";
import { createBudget } from "../../../reproduce/minimize/budget.ts";
import { commandOracle } from "../../../reproduce/minimize/command-oracle.ts";
import { type Minimized, minimize } from "../../../reproduce/minimize/minimize.ts";
import { createOracle, type Decision } from "../../../reproduce/minimize/oracle.ts";
import { fitsSieve, openSieve, type Sieve } from "../../../reproduce/minimize/sieve.ts";
import type { Reproduction } from "../../../reproduce/reproduction.ts";
import { allFactors, normalized } from "../../../reproduce/scenario/configuration.ts";
import { loadScenario, scenarioOfNames } from "../../../reproduce/scenario/load.ts";
import type { Scenario } from "../../../reproduce/scenario/schema.ts";
import { wilsonInterval } from "../../../reproduce/statistics/interval.ts";
import { testFor, trialsWithoutSymptom } from "../../../reproduce/statistics/sequential.ts";
import { durationMs } from "../../../system/duration.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";
import { minimalFileFor, writeMinimal } from "./minimal-file.ts";
import { countOf, jobsFor, openTrials } from "./open.ts";
import { decisionText, type TrialProgress, trialProgress } from "./progress.ts";

export type MinimizeOptions = Readonly<{
  error: string;
  budget: string;
  decisions: string;
  trials: string;
  control: string;
  jobs?: string;
  oracle?: string;
  factors?: string;
  out?: string;
  fresh?: boolean;
}>;

/** With less, no number of trials would do. */
const errorMin = 1e-9;

const oracleTimeoutMs = 30 * 60_000;

export async function minimizeCommand(
  context: CommandContext,
  options: MinimizeOptions,
  file: string | undefined,
): Promise<Outcome> {
  const limits = limitsOf(options);
  const scenario = await scenarioOf(options, file);
  const into = file === undefined ? undefined : await minimalFileFor(file, options.out);
  const progress = trialProgress(context);
  const { reproduction } = await openTrials(context, scenario, {
    file,
    jobs: jobsFor(scenario, options.jobs),
    fresh: options.fresh === true,
    onTrial: progress.trial,
    ...(options.oracle === undefined
      ? {}
      : { run: commandOracle(options.oracle, oracleTimeoutMs), besides: options.oracle }),
  });
  try {
    const sieve = options.oracle === undefined ? await sieveFor(context, scenario, reproduction, progress) : undefined;
    const { found, decisions } = await search({ scenario, reproduction, limits, progress, sieve });
    progress.end();
    const written = found.minimal === undefined ? undefined : into;
    if (file !== undefined && written !== undefined) await writeMinimal(written, file, found.minimal ?? []);
    tell(context, scenario, { found, decisions, trials: reproduction.log.count(), limits, written });
    const { minimal, alternatives, redHerrings, onlyWith, complete } = found;
    return {
      exitCode: minimal === undefined ? 1 : 0,
      result: {
        result: "minimize",
        scenario: scenario.scenario,
        minimal: minimal ?? [],
        alternatives,
        redHerrings,
        onlyWith,
        complete,
        trials: reproduction.log.count(),
        decisions: decisions.length,
        errorRate: limits.error,
        ...(written === undefined ? {} : { file: written }),
      },
    };
  } finally {
    progress.end();
  }
}

type Limits = Readonly<{ error: number; budgetMs: number; decisions: number; trials: number; control: number }>;

type Search = Readonly<{
  scenario: Scenario;
  reproduction: Reproduction;
  limits: Limits;
  progress: TrialProgress;
  sieve: Sieve | undefined;
}>;

async function search({ scenario, reproduction, limits, progress, sieve }: Search) {
  progress.about(`control run, ${counted(limits.control, "trial")} without any factor`);
  await control(reproduction.trials, limits.control);
  const all = allFactors(scenario);
  progress.about(`how often it shows with all ${counted(all.length, "factor")}`);
  const low = (seen: { reproduced: number; trials: number }) => wilsonInterval(seen.reproduced, seen.trials)[0];
  const whole = await reference((needed) => reproduction.trials(all, needed), low);
  if (whole.reproduced === 0) throw neverShows(whole);
  const test = testFor(low(whole), limits.decisions, limits.error);
  const budget = createBudget({ decisions: limits.decisions, timeMs: limits.budgetMs }, () => performance.now());
  const oracle = createOracle({
    test,
    trials: (configuration, needed) => budget.within(reproduction.trials(configuration, needed)),
    normalize: (configuration) => normalized(scenario, configuration),
    ...(sieve === undefined ? {} : { mayShow: sieve.mayShow }),
    trialsMax: limits.trials,
    spend: budget.spend,
    onDecision: progress.decision,
  });
  progress.about(
    `which of them matter (a set is dismissed after ${trialsWithoutSymptom(test)} trials without the symptom)`,
  );
  return { found: await minimize(all, oracle, sieve?.guess), decisions: oracle.decisions };
}

/** What can be told without a trial; undefined where there is nobody to ask. */
async function sieveFor(
  context: CommandContext,
  scenario: Scenario,
  reproduction: Reproduction,
  progress: TrialProgress,
): Promise<Sieve | undefined> {
  if (!fitsSieve(scenario)) return undefined;
  progress.about("a cluster for Pacemaker's scheduler, which can rule out sets without a trial");
  try {
    const sieve = await openSieve(scenario, await reproduction.managerConfiguration(), context.signal);
    context.defer(() => sieve.close());
    return sieve;
  } catch (error) {
    if (context.signal.aborted || !(error instanceof BlackstartError)) throw error;
    context.out.progress(`Every set has to be tried, for the scheduler cannot be asked: ${whatAndWhy(error)}`);
    return undefined;
  }
}

function neverShows({ trials, unresolved }: { trials: number; unresolved: number }): BlackstartError {
  const high = wilsonInterval(0, trials)[1];
  return new BlackstartError("SYMPTOM_UNFIT", {
    what: `The symptom does not show with all factors: in 0 of ${trials} trials${unresolved > 0 ? `; ${unresolved} could not be carried out` : ""}.`,
    why:
      trials === 0
        ? "No trial with all factors could be carried out."
        : `It shows in at most ${Math.round(high * 100)} % of them (95 % confidence), so there is nothing to be minimized.`,
    next: "Compare with production (`blackstart reproduce compare`), add what is missing as factors, or look at the symptom.",
  });
}

async function scenarioOf(options: MinimizeOptions, file: string | undefined): Promise<Scenario> {
  if (file !== undefined) return loadScenario(file, { opaque: options.oracle !== undefined });
  const names = (options.factors ?? "").split(",").map((name) => name.trim());
  if (options.oracle !== undefined && names.some((name) => name !== ""))
    return scenarioOfNames(names.filter((name) => name !== ""));
  throw new BlackstartError("USAGE", {
    what: "There is nothing to be minimized.",
    why: "It needs a scenario, or `--oracle` with `--factors`.",
    next: "For example: blackstart reproduce minimize scenarios/half-done-transfer.yaml",
  });
}

function limitsOf(options: MinimizeOptions): Limits {
  const error = Number(options.error);
  if (!(error >= errorMin && error < 0.5))
    throw wrong("--error", options.error, `a probability from ${errorMin} to 0.5`);
  const budgetMs = durationMs(options.budget);
  if (budgetMs === undefined) throw wrong("--budget", options.budget, "a duration: 500ms, 30s, 5m, 2h");
  return {
    error,
    budgetMs,
    decisions: countOf("--decisions", options.decisions, 1),
    trials: countOf("--trials", options.trials, 1),
    control: countOf("--control", options.control, 1),
  };
}

function wrong(option: string, given: string, wanted: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `${option} ${given} is not what it takes.`,
    why: `It takes ${wanted}.`,
    next: "See `blackstart reproduce minimize --help`.",
  });
}

type Told = Readonly<{
  found: Minimized;
  decisions: readonly Decision[];
  trials: number;
  limits: Limits;
  written: string | undefined;
}>;

function tell({ out }: CommandContext, scenario: Scenario, { found, decisions, trials, limits, written }: Told): void {
  const { style } = out;
  const about = new Map(scenario.factors.map((factor) => [factor.id, factor.about ?? ""]));
  const listed = (ids: readonly string[]) => out.table(ids.map((id) => [`    ${id}`, about.get(id) ?? ""]));
  if (found.minimal === undefined) {
    out.text(
      "No minimal set was found within the budget. Give it more (--budget, --decisions); what is known is kept.",
    );
    return;
  }
  out.text(`${style.bold(scenario.scenario)} needs ${counted(found.minimal.length, "factor")}:`);
  listed(found.minimal);
  for (const other of found.alternatives) {
    out.text("", "Another set that suffices:");
    listed(other);
  }
  if (found.redHerrings.length > 0) {
    out.text("", "Red herrings (in no such set):");
    listed(found.redHerrings);
  }
  for (const [id, others] of Object.entries(found.onlyWith))
    out.text("", `${id} matters only with ${others.join(", ")}.`);
  if (!found.complete)
    out.text(
      "",
      "The budget was spent before every other set was looked for; what is known is kept.",
      ...(decisions.some(({ how }) => how === "ruled-out")
        ? ["What the scheduler ruled out was not all tried by then: a smaller set is possible."]
        : []),
    );
  out.text(
    "",
    `What was judged (${counted(trials, "trial")}; what the evidence decided is right, all together, with a probability of ${100 - limits.error * 100} %):`,
  );
  for (const decision of decisions) out.text(`  ${decision.interesting ? "●" : "○"} ${decisionText(decision)}`);
  if (written !== undefined) out.text("", `To see it again: blackstart reproduce run ${written}`);
}

import { z } from "zod";
import type { Instant } from "../../base/time.ts";
import { millisecondsBetween } from "../../base/time.ts";
import type { Scenario } from "../scenario/schema.ts";
import type { TrialResult } from "../trial/result.ts";
import { experimentSchema } from "./experiment.ts";
import { exportExperiment } from "./export.ts";

/** The journal of a run, as the Chaos Toolkit writes it to `journal.json` and its reports read it. */

const run = z.looseObject({
  activity: z.record(z.string(), z.unknown()),
  status: z.enum(["succeeded", "failed", "skipped", "aborted", "interrupted"]).or(z.string()),
  start: z.string(),
  end: z.string(),
  /** Seconds. */
  duration: z.number(),
  output: z.unknown(),
  tolerance_met: z.boolean().optional(),
});

const steadyState = z.looseObject({ steady_state_met: z.boolean().nullable(), probes: z.array(run) }).nullable();

export const journalSchema = z.looseObject({
  "chaoslib-version": z.string().optional(),
  platform: z.string().optional(),
  node: z.string().optional(),
  experiment: experimentSchema,
  start: z.string(),
  status: z.string().nullable(),
  deviated: z.boolean().optional(),
  steady_states: z
    .looseObject({
      before: steadyState.optional(),
      after: steadyState.optional(),
      during: z.array(z.unknown()).optional(),
    })
    .optional(),
  run: z.array(run).default([]),
  rollbacks: z.array(run).default([]),
  end: z.string().optional(),
  duration: z.number().optional(),
});

export type Journal = z.output<typeof journalSchema>;

/** A series of trials, as far as it came. */
export type Told = Readonly<{
  scenario: Scenario;
  /** Trials without any factor. */
  control: readonly TrialResult[];
  trials: readonly TrialResult[];
  start: Instant;
  end: Instant;
  interrupted: boolean;
  machine: Readonly<{ platform: string; node: string }>;
}>;

/** The version of the format that is followed. */
const formatVersion = "1.0";

/**
 * A series of trials as a journal: each trial is an activity of the run. The steady state, that the symptom does not show,
 * is asked before by the control run and after by the trials; it deviated where it was met before and not after. What
 * deviated has failed, as the Chaos Toolkit has it; and so has what told nothing. Pure.
 */
export function journalOf({ scenario, control, trials, start, end, interrupted, machine }: Told): Journal {
  const [before, after] = [steadyStateOf(control), steadyStateOf(trials)];
  const deviated = before?.steady_state_met === true && after?.steady_state_met === false;
  const hypothesis = { title: "The symptom does not show", probes: [] };
  return {
    "chaoslib-version": formatVersion,
    ...machine,
    experiment: { "steady-state-hypothesis": hypothesis, ...exportExperiment(scenario).experiment },
    start,
    status: interrupted ? "interrupted" : after?.steady_state_met === true ? "completed" : "failed",
    deviated,
    steady_states: { before, after, during: [] },
    run: trials.map(carriedOut),
    rollbacks: [],
    end,
    duration: millisecondsBetween(start, end) / 1000,
  };
}

/** Null where nothing was asked. What could not be carried out answers nothing. */
function steadyStateOf(trials: readonly TrialResult[]) {
  const asked = trials.filter(({ outcome }) => outcome !== "unresolved");
  if (trials.length === 0) return null;
  const probes = asked.map((trial) => ({
    ...carriedOut(trial),
    activity: { type: "probe", name: "The symptom does not show" },
    tolerance_met: trial.outcome === "not-reproduced",
  }));
  return { steady_state_met: probes.length === 0 ? null : probes.every((probe) => probe.tolerance_met), probes };
}

function carriedOut({ configuration, outcome, at, tookMs, moments, logs }: TrialResult) {
  const factors = configuration.length === 0 ? "no factor" : configuration.join(", ");
  return {
    activity: { type: "action", name: `A trial with ${factors}` },
    status: outcome === "unresolved" ? "failed" : "succeeded",
    start: at,
    end: laterBy(at, tookMs),
    duration: tookMs / 1000,
    output: { outcome, moments, ...(logs === undefined ? {} : { logs }) },
  };
}

function laterBy(instant: Instant, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString();
}

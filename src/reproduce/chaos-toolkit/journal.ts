import { z } from "zod";
import type { Instant } from "../../base/time.ts";
import { millisecondsBetween } from "../../base/time.ts";
import { type Experiment, experimentSchema } from "./experiment.ts";

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

/** One activity as it was carried out. `output` must be JSON. */
export type Carried = Readonly<{
  activity: Readonly<Record<string, unknown>>;
  status: "succeeded" | "failed";
  start: Instant;
  end: Instant;
  output: unknown;
  toleranceMet?: boolean;
}>;

export type Told = Readonly<{
  experiment: Experiment;
  /** `failed`: the steady state was not there to begin with, or an activity broke; `aborted`: it was interrupted. */
  status: "completed" | "failed" | "aborted";
  start: Instant;
  end: Instant;
  before: readonly Carried[];
  after: readonly Carried[];
  run: readonly Carried[];
  rollbacks: readonly Carried[];
  /** For `platform` and `node`: as `uname -a` and `uname -n` say it. */
  machine: Readonly<{ platform: string; node: string }>;
}>;

/** The version of the format that is followed. */
const formatVersion = "1.0";

/** A run as a journal. It deviated where the steady state was met before and not after. Pure. */
export function journalOf(told: Told): Journal {
  const [before, after] = [steadyStateOf(told.before), steadyStateOf(told.after)];
  return {
    "chaoslib-version": formatVersion,
    ...told.machine,
    experiment: told.experiment,
    start: told.start,
    status: told.status,
    deviated: before?.steady_state_met === true && after?.steady_state_met === false,
    steady_states: { before, after, during: [] },
    run: told.run.map(carried),
    rollbacks: told.rollbacks.map(carried),
    end: told.end,
    duration: seconds(told.start, told.end),
  };
}

/** Null where no probe was asked. */
function steadyStateOf(probes: readonly Carried[]) {
  if (probes.length === 0) return null;
  return { steady_state_met: probes.every(({ toleranceMet }) => toleranceMet === true), probes: probes.map(carried) };
}

function carried({ activity, status, start, end, output, toleranceMet }: Carried) {
  return {
    activity: { ...activity },
    status,
    start,
    end,
    duration: seconds(start, end),
    output,
    ...(toleranceMet === undefined ? {} : { tolerance_met: toleranceMet }),
  };
}

function seconds(start: Instant, end: Instant): number {
  return millisecondsBetween(start, end) / 1000;
}

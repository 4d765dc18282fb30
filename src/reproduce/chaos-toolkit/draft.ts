import { z } from "zod";
import type { Tolerance } from "./experiment.ts";

/**
 * A scenario as far as an experiment can say it: what is done (factors), by what it shows (symptom), how it is taken
 * back (undo). The one place that knows the form in which these stand in a scenario.
 */

const words = z.array(z.string()).min(1);

export const doingSchema = z.looseObject({
  id: z.string(),
  /** The program and its arguments; no shell. */
  process: z.looseObject({ command: words, timeoutMs: z.number().optional() }).optional(),
  http: z
    .looseObject({
      url: z.string(),
      method: z.string().optional(),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.unknown().optional(),
      timeoutMs: z.number().optional(),
    })
    .optional(),
  /** A fault of the lab, and where. */
  fault: z.string().optional(),
  node: z.string().optional(),
  expect: z
    .unknown()
    .transform((value) => value as Tolerance | undefined)
    .optional(),
  pauseBeforeMs: z.number().optional(),
  pauseAfterMs: z.number().optional(),
  background: z.boolean().optional(),
});

/** The symptom is there when one of its probes is out of its tolerance. */
export const draftSchema = z.looseObject({
  title: z.string().optional(),
  description: z.string().optional(),
  symptom: z.looseObject({ title: z.string().optional(), probes: z.array(doingSchema).default([]) }).optional(),
  factors: z.array(doingSchema).default([]),
  undo: z.array(doingSchema).default([]),
});

export type Draft = z.output<typeof draftSchema>;
export type Doing = z.output<typeof doingSchema>;

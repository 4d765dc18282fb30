import { z } from "zod";

/**
 * An experiment of the Chaos Toolkit, as its “Open API for Chaos Engineering Experiments” describes it and its library
 * (chaoslib 1.x) takes it. What is not known here (controls, extensions, tags) is kept and not looked at.
 */

const text = z.string();
/** A number, or `${name}` of the configuration. */
const numberOrName = z.union([z.number(), text]);

const processProvider = z.looseObject({
  type: z.literal("process"),
  path: text,
  /** A command line, a list of words, or options and their values. */
  arguments: z.union([text, z.array(z.union([text, z.number()])), z.record(text, z.unknown())]).optional(),
  timeout: numberOrName.optional(),
});

const httpProvider = z.looseObject({
  type: z.literal("http"),
  url: text,
  method: text.optional(),
  headers: z.record(text, z.union([text, z.number()])).optional(),
  expected_status: z.int().optional(),
  arguments: z.unknown().optional(),
  timeout: z.union([numberOrName, z.array(numberOrName)]).optional(),
});

const pythonProvider = z.looseObject({ type: z.literal("python"), module: text, func: text });

const provider = z.discriminatedUnion("type", [processProvider, httpProvider, pythonProvider]);

const tolerance = z.union([
  z.boolean(),
  z.number(),
  text,
  z.array(z.union([z.boolean(), z.number(), text])),
  z.looseObject({ type: text }),
]);

const activity = z.looseObject({
  type: z.enum(["action", "probe"]),
  name: text,
  provider,
  tolerance: tolerance.optional(),
  background: z.union([z.boolean(), text]).optional(),
  /** Seconds. */
  pauses: z.looseObject({ before: numberOrName.optional(), after: numberOrName.optional() }).optional(),
});

const reference = z.strictObject({ ref: text });

export const experimentSchema = z.looseObject({
  version: text.optional(),
  title: text,
  description: text,
  tags: z.array(text).optional(),
  configuration: z.record(text, z.unknown()).optional(),
  secrets: z.record(text, z.unknown()).optional(),
  "steady-state-hypothesis": z
    .looseObject({ title: text, probes: z.array(z.union([reference, activity])).default([]) })
    .nullish(),
  method: z.array(z.union([reference, activity])).default([]),
  rollbacks: z.array(z.union([reference, activity])).default([]),
});

export type Experiment = z.output<typeof experimentSchema>;
export type Activity = z.output<typeof activity>;
export type Provider = z.output<typeof provider>;
export type Tolerance = z.output<typeof tolerance>;

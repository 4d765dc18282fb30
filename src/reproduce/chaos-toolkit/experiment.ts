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

/** What a probe gave: of a process and of a request its parts, of the others the value itself. */
export type ProbeOutput = Readonly<{ status: number; stdout?: string; stderr?: string; body?: string }>;

/**
 * Whether an output lies within a tolerance: a number is a status, a boolean whether it succeeded, a text the output, a
 * list any of several; `range` has both its ends; `regex` looks anywhere in its target. Undefined where it cannot be told here (jsonpath, another probe).
 * Pure.
 */
export function isWithin(tolerance: Tolerance, output: ProbeOutput): boolean | undefined {
  if (Array.isArray(tolerance)) return tolerance.some((one) => isWithin(one, output) === true);
  switch (typeof tolerance) {
    case "boolean":
      return (output.status === 0 || (output.status >= 200 && output.status < 300)) === tolerance;
    case "number":
      return output.status === tolerance;
    case "string":
      return (output.stdout ?? output.body ?? "").trim() === tolerance;
    default:
      return isWithinRule(tolerance as Readonly<Record<string, unknown>>, output);
  }
}

function isWithinRule(rule: Readonly<Record<string, unknown>>, output: ProbeOutput): boolean | undefined {
  const target = String(rule.target ?? (output.body === undefined ? "stdout" : "body"));
  const value = target === "status" ? String(output.status) : (output as Readonly<Record<string, unknown>>)[target];
  if (typeof value !== "string") return undefined;
  if (rule.type === "regex") return patternOf(rule.pattern)?.test(value);
  if (rule.type !== "range" || !Array.isArray(rule.range)) return undefined;
  const [from, to] = rule.range.map(Number);
  const number = value.trim() === "" ? Number.NaN : Number(value);
  return from !== undefined && to !== undefined && number >= from && number <= to;
}

/** It is written for Python; what is no pattern here as well is not understood. */
function patternOf(pattern: unknown): RegExp | undefined {
  try {
    return typeof pattern === "string" ? new RegExp(pattern) : undefined;
  } catch {
    return undefined;
  }
}

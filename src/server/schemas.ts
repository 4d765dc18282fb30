import { z } from "zod";
import { catalogue, type ErrorCode } from "../base/catalogue.ts";

/*
 * The shapes that the API takes and gives; OpenAPI is made from them. Answers are open (`looseObject`): a newer version
 * may say more, and whoever reads must pass over what it does not know.
 */

export const errorSchema = z
  .looseObject({
    code: z.enum(Object.keys(catalogue) as [ErrorCode, ...ErrorCode[]]).describe("Permanent; see docs/errors.md."),
    what: z.string().describe("What happened."),
    why: z.string().describe("For which reason."),
    next: z.string().describe("What to do about it."),
  })
  .describe("Every error has this shape.");

/** What is answered is never changed afterwards. */
export function many<Schema extends z.ZodType>(one: Schema) {
  return z.array(one).readonly();
}

export const severity = z.enum(["critical", "warning", "info"]);
const instant = z.string().describe("UTC with milliseconds: 2026-11-20T03:07:12.345Z");

export const refSchema = z
  .object({
    kind: z.enum(["system", "cluster", "node", "cache", "service", "invariant", "incident"]),
    name: z.string().min(1).max(200).describe("Inside a cluster: cluster/node."),
  })
  .describe("What something is about.");

export const findingSchema = z.looseObject({
  code: z.string(),
  severity,
  subject: refSchema,
  title: z.string(),
  evidence: many(z.object({ label: z.string(), value: z.string() })),
  seenAt: instant,
  lastGoodAt: instant.optional(),
});

export const eventSchema = z.looseObject({
  stream: z.string(),
  version: z.number(),
  position: z.number().describe("Grows over all streams; what to read on after."),
  at: instant,
  by: z.string(),
  kind: z.string(),
  data: z.unknown(),
});

export const incidentSchema = z.looseObject({
  id: z.string(),
  title: z.string(),
  severity,
  subject: refSchema,
  status: z.enum(["open", "mitigated", "resolved"]),
  open: many(findingSchema).describe("What is wrong now."),
  times: z.looseObject({
    outageStart: instant.nullable(),
    noticedAt: instant,
    acknowledgedAt: instant.nullable(),
    mitigatedAt: instant.nullable(),
    recoveredAt: instant.nullable(),
    resolvedAt: instant.nullable(),
  }),
});

export const planSchema = z.looseObject({
  id: z.string(),
  state: z.string().describe("proposed, approved, running, interrupted, done, done-with-failures, stopped, discarded"),
  plan: z.looseObject({ kind: z.string(), subject: refSchema, because: many(z.string()) }),
  steps: many(z.looseObject({ state: z.string() })),
});

export const nodeSchema = z.looseObject({
  cluster: z.string(),
  node: z.string(),
  condition: z.string(),
  role: z.string().nullable(),
});

/** Who does it; stands in the timeline as `person:<name>`. */
export const person = z
  .string()
  .trim()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,79}$/u, "a name: letters, digits, space and ._@+-, at most 80")
  .describe("Who does it.");

export const text = z.string().trim().min(1).max(10_000);
export const position = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The errors that any address may answer with. */
export const errorAnswers = { "4xx": errorSchema, "5xx": errorSchema };

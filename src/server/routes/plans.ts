import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import type { Json } from "../../base/json.ts";
import { discardPlan } from "../../plan/discard.ts";
import { requestStop } from "../../plan/stop.ts";
import { isRefusal, type PlanRequest, type Refusal } from "../../plan/plan.ts";
import { listPlans, type PlanStatus, readPlan } from "../../plan/status.ts";
import { unknown } from "../../system/names.ts";
import type { Api, ServerParts } from "../parts.ts";
import { errorAnswers, many, person, planSchema, refSchema, text } from "../schemas.ts";

const params = z.object({ id: z.string().min(1).max(200) });
const one = z.object({ plan: planSchema });

/** Plans: made, shown, approved, put aside. */
export function planRoutes(api: Api, { timeline, makePlan, planRuns }: ServerParts): void {
  api.get("/api/plans", {
    schema: {
      summary: "Plans, the newest first",
      tags: ["plans"],
      response: { 200: z.object({ plans: many(planSchema) }), ...errorAnswers },
    },
    handler: async () => ({ plans: (await listPlans(timeline)).toReversed().slice(0, 200) }),
  });

  api.get("/api/plans/:id", {
    schema: {
      summary: "One plan, and where it stands",
      tags: ["plans"],
      params,
      response: { 200: one, ...errorAnswers },
    },
    handler: async ({ params: { id } }) => ({ plan: await planOf(id) }),
  });

  const request = z.object({
    person,
    kind: z.string().min(1).max(100).describe("restart, failover, switchover, rejoin, …"),
    subject: refSchema,
    options: z.record(z.string(), z.json()).optional(),
  });
  api.post("/api/plans", {
    schema: {
      summary:
        "Make a plan; nothing is changed yet. 422 where it would not be safe: what is missing, and how to provide it",
      tags: ["plans"],
      body: request,
      response: { 201: one, ...errorAnswers },
    },
    handler: async ({ body: { person: name, ...asked } }, reply) => {
      const plan = await makePlan(asked as PlanRequest);
      if (isRefusal(plan)) throw refused(plan);
      await planRuns.store(plan, `person:${name}`);
      return reply.code(201).send({ plan: await planOf(plan.id) });
    },
  });

  const approval = z.object({ person });
  api.post("/api/plans/:id/approve", {
    schema: {
      summary: "Approve it and carry it out, in the background; the stream tells how it goes",
      tags: ["plans"],
      params,
      body: approval,
      response: { 202: one, ...errorAnswers },
    },
    handler: async ({ params: { id }, body }, reply) => {
      await planOf(id);
      await planRuns.start(id, `person:${body.person}`);
      return reply.code(202).send({ plan: await planOf(id) });
    },
  });

  const giving = z.object({ person, reason: text });
  api.post("/api/plans/:id/stop", {
    schema: {
      summary: "Ask it to stop; whoever carries it out ends its step in order, and the stream tells in what state",
      tags: ["plans"],
      params,
      body: giving,
      response: { 202: one, ...errorAnswers },
    },
    handler: async ({ params: { id }, body }, reply) => {
      await requestStop(timeline, id, `person:${body.person}`, body.reason);
      return reply.code(202).send({ plan: await planOf(id) });
    },
  });

  api.post("/api/plans/:id/discard", {
    schema: {
      summary: "Put it aside for good",
      tags: ["plans"],
      params,
      body: giving,
      response: { 200: one, ...errorAnswers },
    },
    handler: async ({ params: { id }, body }) => {
      await discardPlan(timeline, id, `person:${body.person}`, body.reason);
      return { plan: await planOf(id) };
    },
  });

  async function planOf(id: string): Promise<PlanStatus> {
    const status = await readPlan(timeline, id);
    if (status !== undefined) return status;
    const known = (await listPlans(timeline)).map((plan) => plan.id).toReversed();
    throw unknown("plan", id, known);
  }
}

function refused({ rule, missing, provide, accept }: Refusal): BlackstartError {
  const details: Record<string, Json> = { rule, ...(accept === undefined ? {} : { accept }) };
  return new BlackstartError("REFUSED", {
    what: `It would not be safe (${rule}).`,
    why: missing,
    next: accept === undefined ? provide : `${provide} Or accept the stated risk: ${accept}.`,
    details,
  });
}

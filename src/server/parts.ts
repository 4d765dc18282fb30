import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Plan, PlanRequest, Refusal } from "../plan/plan.ts";
import type { System } from "../system/schema.ts";
import type { Timeline } from "../timeline/timeline.ts";
import type { Watcher } from "../watch/watcher.ts";
import type { Health } from "./health.ts";
import type { PlanRuns } from "./plan-runs.ts";

/** What the routes are composed of; given, so that each can be tested without all the rest. */
export type ServerParts = Readonly<{
  system: System;
  timeline: Timeline;
  watcher: Pick<Watcher, "findings" | "nodes">;
  makePlan(request: PlanRequest): Promise<Plan | Refusal>;
  planRuns: Pick<PlanRuns, "store" | "start">;
  health(): Health;
  startedAt: string;
  version: string;
}>;

/** Fastify with zod's types in its routes. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

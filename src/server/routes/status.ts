import { z } from "zod";
import { listPlans } from "../../plan/status.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import { metricsOf, metricsText } from "../metrics.ts";
import type { Api, ServerParts } from "../parts.ts";
import { errorAnswers, findingSchema, incidentSchema, many, nodeSchema } from "../schemas.ts";

/** How it stands: the system, and Blackstart itself. */
export function statusRoutes(
  api: Api,
  parts: ServerParts,
  incidents: () => Promise<readonly IncidentState[]>,
  readers: { count(): number },
): void {
  const { system, timeline, watcher } = parts;
  const status = z.object({
    system: z.string(),
    version: z.string(),
    startedAt: z.string(),
    healthy: z.boolean(),
    position: z.number(),
    nodes: many(nodeSchema),
    findings: many(findingSchema),
    incidents: many(incidentSchema).describe("Those that are not resolved."),
    plans: z
      .array(z.object({ id: z.string(), kind: z.string(), state: z.string() }))
      .describe("Those that have not ended."),
  });
  api.get("/api/status", {
    schema: { summary: "What is up, down, open", tags: ["status"], response: { 200: status, ...errorAnswers } },
    handler: async () => ({
      system: system.system,
      version: parts.version,
      startedAt: parts.startedAt,
      healthy: parts.health().healthy,
      position: await timeline.position(),
      nodes: watcher.nodes(),
      findings: watcher.findings(),
      incidents: (await incidents()).filter((one) => one.status !== "resolved"),
      plans: (await listPlans(timeline))
        .filter(({ state }) => ["proposed", "approved", "running", "interrupted"].includes(state))
        .map(({ id, plan, state }) => ({ id, kind: plan.kind, state })),
    }),
  });

  api.get("/api/findings", {
    schema: {
      summary: "What is wrong now",
      tags: ["status"],
      response: { 200: z.object({ findings: many(findingSchema) }), ...errorAnswers },
    },
    handler: async () => ({ findings: watcher.findings() }),
  });

  api.get("/metrics", {
    schema: { summary: "Prometheus' text format", tags: ["status"], produces: ["text/plain"] },
    handler: async (_, reply) => {
      const facts = { incidents: await incidents(), position: await timeline.position(), streams: readers.count() };
      return reply.type("text/plain; version=0.0.4; charset=utf-8").send(metricsText(metricsOf(parts, facts)));
    },
  });

  const health = z.object({
    healthy: z.boolean(),
    checks: many(z.object({ name: z.string(), ok: z.boolean(), seen: z.string() })),
  });
  api.get("/healthz", {
    schema: {
      summary: "Whether the monitor itself is well; 503 when not",
      tags: ["status"],
      response: { 200: health, 503: health },
    },
    handler: async (_, reply) => {
      const is = parts.health();
      return reply.code(is.healthy ? 200 : 503).send({ healthy: is.healthy, checks: is.checks });
    },
  });
}

import { z } from "zod";
import { draftPostmortem } from "../../learn/postmortem.ts";
import { times } from "../../learn/times.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import { findIncident, incidentStream } from "../../timeline/incident-state.ts";
import { readAll } from "../../timeline/read-all.ts";
import type { Api, ServerParts } from "../parts.ts";
import { errorAnswers, eventSchema, incidentSchema, many } from "../schemas.ts";

export const incidentParams = z.object({
  id: z.string().min(1).max(200).describe("Its id, the beginning of it, or `latest`."),
});

/** What there is to read of incidents. */
export function incidentRoutes(
  api: Api,
  { timeline }: ServerParts,
  incidents: () => Promise<readonly IncidentState[]>,
) {
  const query = z.object({
    status: z.enum(["open", "mitigated", "resolved"]).optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
  });
  const listed = z.object({ incidents: many(incidentSchema) });
  api.get("/api/incidents", {
    schema: {
      summary: "Incidents, the newest first",
      tags: ["incidents"],
      querystring: query,
      response: { 200: listed, ...errorAnswers },
    },
    handler: async ({ query: { status, limit } }) => ({
      incidents: (await incidents()).filter((one) => status === undefined || one.status === status).slice(0, limit),
    }),
  });

  const shown = z.object({ incident: incidentSchema, durations: z.looseObject({}), events: many(eventSchema) });
  api.get("/api/incidents/:id", {
    schema: {
      summary: "One incident, with its events",
      tags: ["incidents"],
      params: incidentParams,
      response: { 200: shown, ...errorAnswers },
    },
    handler: async ({ params }) => {
      const incident = await findIncident(timeline, params.id);
      const events = await readAll(timeline, { stream: incidentStream(incident.id) });
      return { incident, durations: times(incident), events: events };
    },
  });

  api.get("/api/incidents/:id/postmortem", {
    schema: {
      summary: "The postmortem, as far as the timeline knows it (Markdown)",
      tags: ["incidents"],
      produces: ["text/markdown"],
      params: incidentParams,
    },
    handler: async ({ params }, reply) =>
      reply.type("text/markdown; charset=utf-8").send(await draftPostmortem(timeline, params.id)),
  });
}

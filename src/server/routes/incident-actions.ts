import { z } from "zod";
import { acknowledgeIncident } from "../../respond/actions/acknowledge.ts";
import { assignRole } from "../../respond/actions/assign.ts";
import type { ActionContext } from "../../respond/actions/change-incident.ts";
import { declareRecovered } from "../../respond/actions/declare-recovered.ts";
import {
  confirmHypothesis,
  contradictHypothesis,
  ruleOutHypothesis,
  supportHypothesis,
} from "../../respond/actions/hypothesis.ts";
import { noteOnIncident } from "../../respond/actions/note.ts";
import { openIncident } from "../../respond/actions/open.ts";
import { raiseHypothesis } from "../../respond/actions/raise-hypothesis.ts";
import { resolveIncident } from "../../respond/actions/resolve.ts";
import { setSeverity } from "../../respond/actions/set-severity.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import type { Api, ServerParts } from "../parts.ts";
import { errorAnswers, incidentSchema, person, refSchema, severity, text } from "../schemas.ts";
import { incidentParams } from "./incidents.ts";

/** What people do to incidents: one address a verb. Each answers with the incident as it is afterwards. */
export function incidentActionRoutes(api: Api, { timeline }: ServerParts): void {
  const as = (name: string): ActionContext => ({ timeline, by: `person:${name}` });
  const answer = { 200: z.object({ incident: incidentSchema }), ...errorAnswers };

  const opening = z.object({
    person,
    title: text,
    subject: refSchema,
    severity: severity.default("critical"),
    outageStart: z.iso.datetime({ precision: 3 }).optional(),
  });
  api.post("/api/incidents", {
    schema: {
      summary: "Open an incident by hand",
      tags: ["incidents"],
      body: opening,
      response: { 201: z.object({ incident: incidentSchema }), ...errorAnswers },
    },
    handler: async ({ body: { person: name, ...asked } }, reply) =>
      reply.code(201).send({ incident: await openIncident(as(name), asked) }),
  });

  function verb<Shape extends z.ZodRawShape>(
    path: string,
    summary: string,
    shape: Shape,
    act: (context: ActionContext, id: string, body: z.output<z.ZodObject<Shape>>) => Promise<IncidentState>,
  ): void {
    const body = z.object({ person, ...shape });
    api.post(`/api/incidents/:id/${path}`, {
      schema: { summary, tags: ["incidents"], params: incidentParams, body, response: answer },
      handler: async ({ params, body: given }) => {
        const said = given as unknown as z.output<z.ZodObject<Shape>> & { person: string };
        return { incident: await act(as(said.person), params.id, said) };
      },
    });
  }

  verb("acknowledge", "“I have it”", {}, (context, id) => acknowledgeIncident(context, id));
  verb("note", "Write down what was seen, done or thought", { text }, (context, id, body) =>
    noteOnIncident(context, id, body.text),
  );
  verb("assign", "Give somebody a role", { who: person, role: text }, (context, id, body) =>
    assignRole(context, id, body),
  );
  verb("severity", "Say how bad it is, and why", { severity, reason: text }, (context, id, body) =>
    setSeverity(context, id, body),
  );
  verb("hypothesis", "Raise a hypothesis", { text }, async (context, id, body) => {
    const { state } = await raiseHypothesis(context, id, body.text);
    return state;
  });
  const said = { hypothesis: z.string().min(1).max(20).describe("Its number: h2."), text };
  verb("hypothesis/support", "What speaks for it", said, supportHypothesis);
  verb("hypothesis/contradict", "What speaks against it", said, contradictHypothesis);
  verb("hypothesis/rule-out", "It was not that, and this is how we know", said, ruleOutHypothesis);
  verb("hypothesis/confirm", "It was that, and this is how we know", said, confirmHypothesis);
  verb("recovered", "Data, caches, alerts and workarounds are settled", { summary: text }, (context, id, body) =>
    declareRecovered(context, id, body.summary),
  );
  const resolving = { resolution: text, despiteOpenFindings: z.boolean().default(false) };
  verb("resolve", "Close it for good", resolving, (context, id, body) => resolveIncident(context, id, body));
}

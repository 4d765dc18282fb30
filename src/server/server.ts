import swagger from "@fastify/swagger";
import fastify from "fastify";
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import type { Json } from "../base/json.ts";
import { scrub, scrubbed } from "../system/scrub.ts";
import { answerError, answerErrors } from "./errors.ts";
import { guard, type GuardOptions } from "./guard.ts";
import { createIncidentCache } from "./incident-cache.ts";
import type { Api, ServerParts } from "./parts.ts";
import { type EventReaders, eventRoutes } from "./routes/events.ts";
import { incidentActionRoutes } from "./routes/incident-actions.ts";
import { incidentRoutes } from "./routes/incidents.ts";
import { planRoutes } from "./routes/plans.ts";
import { statusRoutes } from "./routes/status.ts";
import type { StreamOptions } from "./stream.ts";

export type ServerOptions = GuardOptions &
  Readonly<{ stream?: StreamOptions; failed?: (error: unknown, where: string) => void }>;

const bodyBytesMax = 64 * 1024;
/** A request has to be there in so long; the live stream is an answer and not concerned. */
const requestTimeoutMs = 10_000;

/** The HTTP face, not listening yet. Everything it does, it does through its parts. */
export async function createServer(
  parts: ServerParts,
  options: ServerOptions,
): Promise<{ api: Api; readers: EventReaders }> {
  const server = fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
    // What fails before an address is found (an unreadable one, say) comes by neither the hooks nor the error handler.
    frameworkErrors: (error, _request, reply) => void answerError(error, reply),
  });
  // A page elsewhere may send plain text without asking first; JSON it may not.
  server.removeContentTypeParser("text/plain");
  const api = server.withTypeProvider<ZodTypeProvider>() as unknown as Api;
  api.setValidatorCompiler(validatorCompiler);
  api.setSerializerCompiler(serializerCompiler);
  answerErrors(server, options.failed ?? (() => undefined));
  guard(server, options);
  // Everything that is answered, errors and OpenAPI as well; the live stream does it for each of its events.
  server.addHook("preSerialization", async (_request, _reply, payload) => scrubbed(payload as Json));
  server.addHook("onSend", async (_request, reply, payload) =>
    typeof payload === "string" && String(reply.getHeader("content-type")).startsWith("text/")
      ? scrub(payload)
      : payload,
  );
  await server.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Blackstart",
        version: parts.version,
        description: "What is wrong, what is done about it, and what happened.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
  const incidents = createIncidentCache(parts.timeline);
  const readers = eventRoutes(api, parts, options.stream);
  statusRoutes(api, parts, incidents, readers);
  incidentRoutes(api, parts, incidents);
  incidentActionRoutes(api, parts);
  planRoutes(api, parts);
  api.get("/openapi.json", { schema: { hide: true }, handler: async () => server.swagger() });
  await server.ready();
  return { api, readers };
}

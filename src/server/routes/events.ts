import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import type { Api, ServerParts } from "../parts.ts";
import { errorAnswers, eventSchema, many, position } from "../schemas.ts";
import { type StreamOptions, streamEvents } from "../stream.ts";

/** So many may follow at once; each costs a connection and a poll of the store. */
const readersMax = 64;

export interface EventReaders {
  count(): number;
  /** Ends every stream, with a word of parting; resolves when they are gone. */
  close(): Promise<void>;
}

/** What happened: page by page, and live. */
export function eventRoutes(api: Api, { timeline }: ServerParts, options: StreamOptions = {}): EventReaders {
  const ending = new AbortController();
  const readers = new Set<Promise<void>>();

  const query = z.object({
    after: position.default(0).describe("Events after this position."),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
    stream: z.string().max(512).optional().describe("Only of this stream: incident/…, plan/…, watch/…"),
    prefix: z.string().max(512).optional().describe("Only of streams whose name begins so."),
  });
  const page = z.object({ events: many(eventSchema), next: z.number().describe("What to give as `after` next.") });
  api.get("/api/events", {
    schema: {
      summary: "What happened, in order",
      tags: ["timeline"],
      querystring: query,
      response: { 200: page, ...errorAnswers },
    },
    handler: async ({ query: { stream, prefix, after, limit } }) => {
      if (stream !== undefined && prefix !== undefined)
        throw usage(
          "Both `stream` and `prefix` are given.",
          "A stream's whole name and its beginning exclude each other.",
        );
      const events = await timeline.read({
        after,
        limit,
        ...(stream === undefined ? {} : { stream }),
        ...(prefix === undefined ? {} : { prefix }),
      });
      return { events: events, next: events.at(-1)?.position ?? after };
    },
  });

  const from = z.object({ after: position.optional().describe("Default: from now on. 0: from the beginning.") });
  const resume = z.looseObject({ "last-event-id": position.optional() });
  api.get("/api/stream", {
    schema: {
      summary: "What happens, live (server-sent events; `id` is the position, Last-Event-ID resumes)",
      tags: ["timeline"],
      produces: ["text/event-stream"],
      querystring: from,
      headers: resume,
    },
    handler: async (request, reply) => {
      const now = await timeline.position();
      const after = request.headers["last-event-id"] ?? request.query.after ?? now;
      if (after > now)
        throw usage(
          `Position ${after} does not exist yet; the last is ${now}.`,
          "Perhaps the timeline is another one.",
        );
      if (readers.size >= readersMax || ending.signal.aborted) throw tooMany();
      reply.hijack();
      const reader = streamEvents(reply.raw, timeline, after, ending.signal, options)
        // The headers are out: all that is left to say is that it ended. The reader comes back with its last id.
        .catch(() => void reply.raw.destroy())
        .finally(() => readers.delete(reader));
      readers.add(reader);
    },
  });

  return {
    count: () => readers.size,
    async close() {
      ending.abort();
      await Promise.allSettled(readers);
    },
  };
}

function usage(what: string, why: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what,
    why,
    next: "GET /openapi.json says what it takes; `after=0` begins anew.",
  });
}

function tooMany(): BlackstartError {
  return new BlackstartError("STORE_UNUSABLE", {
    what: "The live stream takes no more readers.",
    why: `${readersMax} may follow at once, and none while Blackstart ends.`,
    next: "Close some, or ask /api/events now and then.",
  });
}

import type { FastifyError, FastifyInstance, FastifyReply } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import type { ErrorCode } from "../base/catalogue.ts";
import { BlackstartError, messageOf } from "../base/error.ts";
import type { JsonObject } from "../base/json.ts";

/** What every error looks like over HTTP. */
export type ErrorBody = Readonly<{ code: ErrorCode; what: string; why: string; next: string; details?: JsonObject }>;

const statusOf: Partial<Record<ErrorCode, number>> = {
  USAGE: 400,
  UNAUTHORIZED: 401,
  UNKNOWN_NAME: 404,
  VERSION_CONFLICT: 409,
  NOT_POSSIBLE_NOW: 409,
  NOT_CONFIRMED: 409,
  LEASE_HELD: 409,
  REFUSED: 422,
  UNREACHABLE: 502,
  QUERY_FAILED: 502,
  HOST_COMMAND_FAILED: 502,
  STORE_UNUSABLE: 503,
};

/** Every error leaves as JSON with code, what, why and next; what nobody foresaw is told to `failed` as well. */
export function answerErrors(server: FastifyInstance, failed: (error: unknown, where: string) => void): void {
  server.setNotFoundHandler((request, reply) => {
    const body: ErrorBody = {
      code: "UNKNOWN_NAME",
      what: `There is no ${request.method} ${request.url.split("?", 1)[0]}.`,
      why: "The API has no such address.",
      next: "GET /openapi.json lists them all.",
    };
    return reply.code(404).send(body);
  });
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, body } = answerTo(error);
    if (status === 500) failed(error, `${request.method} ${request.routeOptions.url ?? "?"}`);
    // A request whose body was not read to its end cannot be followed by another on the same connection.
    if (status === 413) reply.header("connection", "close");
    if (status === 401) reply.header("www-authenticate", "Bearer");
    return reply.code(status).send(body);
  });
}

/** For what fails before an address is found. */
export function answerError(error: FastifyError, reply: FastifyReply): FastifyReply {
  const { status, body } = answerTo(error);
  return reply.code(status).send(body);
}

function answerTo(error: FastifyError): { status: number; body: ErrorBody } {
  if (error instanceof BlackstartError) return { status: statusOf[error.code] ?? 500, body: bodyOf(error) };
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(({ instancePath, message }) => `${place(instancePath)}${message}`);
    return usage(400, "The request does not say what it needs to.", problems.slice(0, 10).join("; "));
  }
  if (error.statusCode === 413) return usage(413, "The request is too large.", "A body may have 64 KiB.");
  if (error.statusCode !== undefined && error.statusCode < 500)
    return usage(error.statusCode, "The request cannot be read.", messageOf(error));
  return {
    status: 500,
    body: {
      code: "INTERNAL",
      what: "Blackstart could not answer: a fault of its own.",
      why: error.name,
      next: "Its log says more. The timeline is not harmed by it; please report it.",
    },
  };
}

export function bodyOf(error: BlackstartError): ErrorBody {
  const { code, message: what, why, next, details } = error;
  return { code, what, why, next, ...(Object.keys(details).length === 0 ? {} : { details }) };
}

function usage(status: number, what: string, why: string): { status: number; body: ErrorBody } {
  return { status, body: { code: "USAGE", what, why, next: "GET /openapi.json says what each address takes." } };
}

function place(path: string): string {
  return path === "" || path === "/" ? "" : `${path.replace(/^\//, "").replaceAll("/", ".")}: `;
}

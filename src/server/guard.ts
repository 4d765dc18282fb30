import { isIP } from "node:net";
import { hostname } from "node:os";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { BlackstartError } from "../base/error.ts";
import { isToken } from "./token.ts";

export type GuardOptions = Readonly<{
  token: string;
  /** What it listens on. On anything but loopback, reading needs the token as well. */
  host: string;
}>;

/**
 * Who may do what: the token for what writes. On loopback, where reading needs none, the right host name for everything;
 * off loopback the token for what reads, under whatever name the network knows this machine.
 */
export function guard(server: FastifyInstance, { token, host }: GuardOptions): void {
  const readsNeedToken = !isLoopback(host);
  server.addHook("onRequest", async (request) => {
    if (!readsNeedToken) assertHost(request, host);
    // Whoever only asks whether it is alive (a supervisor, a load balancer) has no token, and learns nothing else.
    if (request.routeOptions.url === "/healthz") return;
    const reads = request.method === "GET" || request.method === "HEAD";
    if (!reads || readsNeedToken) assertToken(request, token);
  });
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/**
 * A web page whose name its owner points at 127.0.0.1 (DNS rebinding) sends that name: only names that are ours, and
 * addresses, which no page's owner can choose, are answered.
 */
function assertHost(request: FastifyRequest, listening: string): void {
  const name = hostName(request.headers.host ?? "");
  const ours = ["localhost", listening.toLowerCase(), hostname().toLowerCase()];
  if (name !== undefined && (isIP(name) !== 0 || ours.includes(name))) return;
  throw new BlackstartError("UNAUTHORIZED", {
    what: "The request is not addressed to this server.",
    why: "Its Host header names another; it may come from a web page that has no business here.",
    next: `Use http://${listening.includes(":") ? `[${listening}]` : listening} and the port.`,
  });
}

/** The name in `name:port`, `[::1]:port` or `name`. */
function hostName(header: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(header);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

function assertToken(request: FastifyRequest, token: string): void {
  const [scheme, given] = (request.headers.authorization ?? "").split(" ", 2);
  if (scheme?.toLowerCase() === "bearer" && given !== undefined && isToken(given, token)) return;
  throw new BlackstartError("UNAUTHORIZED", {
    what: given === undefined ? "This needs the token." : "The token is wrong.",
    why: "What writes, and what is asked from another machine, is for those who hold it.",
    next: "Send it as `Authorization: Bearer <token>`; it stands in the file `token` in Blackstart's home.",
  });
}

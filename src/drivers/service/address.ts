import { withHost } from "../../system/address.ts";

/** Where to open a socket: a host and port, or the path of a Unix socket. */
export type SocketAddress = Readonly<{ host: string; port: number } | { path: string }>;

/**
 * The socket that a `postgres://`, `redis://`, `tcp://` or `http://` url leads to. PostgreSQL's `?host=/directory` leads
 * to the Unix socket in it.
 */
export function socketAddressOf(url: string): SocketAddress {
  const parsed = new URL(withHost(url));
  const port = Number(parsed.port || parsed.searchParams.get("port") || defaultPorts[parsed.protocol]);
  const host = parsed.searchParams.get("host") ?? decodeURIComponent(parsed.hostname);
  if (host.startsWith("/")) return { path: `${host}/.s.PGSQL.${port}` };
  return { host: host.replace(/^\[|\]$/g, "") || "localhost", port };
}

const defaultPorts: Readonly<Record<string, number>> = {
  "postgres:": 5432,
  "postgresql:": 5432,
  "redis:": 6379,
  "rediss:": 6379,
  "http:": 80,
  "https:": 443,
};

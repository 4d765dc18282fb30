/**
 * The server that a postgres url leads to, as `host:port`, however the url is written (a socket's directory as host is
 * possible); undefined where it cannot be read. Two urls of one server give the same text.
 */
export function serverOf(url: string): string | undefined {
  const parsed = parsedUrl(url);
  if (parsed === undefined) return undefined;
  // As libpq and pg-connection-string do: the query part goes before the rest.
  const host = parsed.searchParams.get("host") || decodeURIComponent(parsed.hostname) || "localhost";
  return endpoint(host, parsed.searchParams.get("port") || parsed.port);
}

/** `host:port`, as `spelledHost` has it; the port is 5432 where none is said. */
export function endpoint(host: string, port: string | number | null | undefined): string {
  return `${spelledHost(host)}:${port || "5432"}`;
}

/** In one spelling: names in lower case, an IPv6 address short and in brackets. A socket's directory stays as it is. */
export function spelledHost(host: string): string {
  if (host.startsWith("/")) return host;
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  if (!bare.includes(":")) return bare;
  // A url cannot have a host with a zone (fe80::1%eth0).
  return parsedUrl(`http://[${bare}]`)?.hostname ?? `[${bare}]`;
}

/** The host and the port of a postgres url. */
export function hostAndPort(url: string): { host: string; port: number } | undefined {
  const server = serverOf(url);
  if (server === undefined) return undefined;
  const colon = server.lastIndexOf(":");
  return { host: server.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(server.slice(colon + 1)) };
}

export function parsedUrl(url: string): URL | undefined {
  try {
    const parsed = new URL(withHost(url));
    decodeURIComponent(parsed.username + parsed.password + parsed.hostname);
    return parsed;
  } catch {
    return undefined; // What cannot be read is told by the caller, who knows where it stands.
  }
}

/** `postgres://u@/d` is a url for libpq (the host stands in the query part, or is this machine), but not for the parser. */
export function withHost(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^/?#]*@)(?=[/?#]|$)/i, "$1localhost");
}

/** The same url to another server. What named the old one in the query part is left out. */
export function withServer(url: string, host: string, port: number): string {
  const parsed = new URL(withHost(url));
  for (const name of ["host", "hostaddr", "port"]) parsed.searchParams.delete(name);
  if (host.startsWith("/")) {
    // A socket's directory that stands as the host would be taken for a part of the database's name beside another.
    if (parsed.hostname.includes("%")) parsed.host = "localhost";
    parsed.port = "";
    parsed.searchParams.set("host", host);
    parsed.searchParams.set("port", String(port));
    return parsed.href;
  }
  parsed.host = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return parsed.href;
}

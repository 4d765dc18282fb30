import { withHost } from "../../system/address.ts";

/**
 * A libpq connection string (`host=10.0.0.1 port=5432 user=replicator …`), as `primary_conninfo` holds it. May hold a
 * password: it goes into settings only, never into an event, a plan or a message.
 * Grammar: PostgreSQL's documentation, "Connection Strings".
 */
export type Conninfo = Readonly<Record<string, string>>;

/** Understands both forms, keywords and URI. Throws a SyntaxError, without the text, for what is neither. */
export function parseConninfo(text: string): Conninfo {
  if (/^postgres(ql)?:\/\//.test(text.trim())) return fromUrl(text.trim());
  const pattern = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))\s*/y;
  const found: Record<string, string> = {};
  while (pattern.lastIndex < text.length && text.slice(pattern.lastIndex).trim() !== "") {
    const match = pattern.exec(text);
    if (match === null) throw new SyntaxError("a connection string could not be understood");
    found[match[1] as string] = (match[2] ?? match[3] ?? "").replace(/\\(.)/g, "$1");
  }
  return found;
}

export function formatConninfo(conninfo: Conninfo): string {
  return Object.entries(conninfo)
    .map(([key, value]) => `${key}='${value.replace(/[\\']/g, "\\$&")}'`)
    .join(" ");
}

/**
 * The same connection to another server; whatever names an address is replaced, everything else is kept. A service file
 * fills in what is not said, and libpq prefers its `hostaddr` to our host: an empty one counts as said, and as none
 * (src/interfaces/libpq/fe-connect.c, parseServiceFile and connectOptions2).
 */
export function aimedAt(conninfo: Conninfo, address: Readonly<{ host: string; port: number }>): Conninfo {
  const { host: _host, hostaddr: _hostaddr, port: _port, ...kept } = conninfo;
  const unsaid: Conninfo = conninfo.service === undefined ? {} : { hostaddr: "" };
  return { host: address.host, port: String(address.port), ...unsaid, ...kept };
}

/** The address of a server's url. */
export function addressOf(url: string): { host: string; port: number } {
  const conninfo = fromUrl(url);
  return { host: conninfo.host ?? "127.0.0.1", port: Number(conninfo.port ?? 5432) };
}

function fromUrl(text: string): Conninfo {
  const url = new URL(withHost(text));
  const found: Record<string, string> = {};
  if (url.hostname !== "") found.host = decodeURIComponent(url.hostname.replace(/^\[|\]$/g, ""));
  if (url.port !== "") found.port = url.port;
  if (url.username !== "") found.user = decodeURIComponent(url.username);
  if (url.password !== "") found.password = decodeURIComponent(url.password);
  if (url.pathname.length > 1) found.dbname = decodeURIComponent(url.pathname.slice(1));
  for (const [key, value] of url.searchParams) found[key] = value;
  return found;
}

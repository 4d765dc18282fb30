import { endpoint, serverOf } from "../../system/address.ts";
import { type Conninfo, parseConninfo } from "./conninfo.ts";

/*
 * Which server an address means. A server has many: a name, an address, another one in the network for replication. So
 * two that are equal, as they are written or as they resolve, are one server's. Two that differ say nothing.
 */

/** The addresses of each host name that was resolved, by its spelling in an endpoint. One that is missing is unknown. */
export type Resolved = Readonly<Record<string, readonly string[]>>;

type Declared = Readonly<{
  url: string;
  host?: string | undefined;
  replication?: string | undefined;
  follows?: string | undefined;
}>;

/** The endpoints to which the standbys of a node may be aimed: of its url, and of `replication:`. */
export function endpointsOf({ url, replication = "" }: Declared): readonly string[] {
  const own = serverOf(url);
  const { host, hostaddr, port } = parsed(replication);
  // `replication:` may say only the port, or only as whom.
  const besides = host || hostaddr ? aimsOf(replication).flat() : own && port ? [endpoint(split(own).host, port)] : [];
  return [...new Set([own, ...besides])].filter((one) => one !== undefined);
}

/** To which a standby of this primary may rightly be aimed: to it, or to a node that another is to follow (a cascade). */
export function sourcesUnder(primary: string, nodes: Readonly<Record<string, Declared>>): readonly string[] {
  const upstreams = new Set([primary, ...Object.values(nodes).flatMap(({ follows }) => follows ?? [])]);
  return [...upstreams].flatMap((name) => nodes[name] ?? []).flatMap(endpointsOf);
}

/**
 * The servers that a connection string leads to, in the order in which libpq tries them, each with all that is said of
 * where it is: by its name and by its `hostaddr`. None where a service file or the environment says it.
 */
export function aimsOf(conninfo: string): readonly (readonly string[])[] {
  const { host = "", hostaddr = "", port = "" } = parsed(conninfo);
  const [hosts, addresses, ports] = [host, hostaddr, port].map((list) => list.split(",").map((one) => one.trim()));
  return Array.from({ length: Math.max(hosts?.length ?? 0, addresses?.length ?? 0) }, (_, at) => {
    // One port serves all hosts.
    const itsPort = ports?.length === 1 ? ports[0] : ports?.[at];
    return [hosts?.[at], addresses?.[at]].flatMap((one) => (one ? [endpoint(one, itsPort)] : []));
  }).filter((one) => one.length > 0);
}

/** What cannot be understood leads nowhere that we know of. */
function parsed(conninfo: string): Conninfo {
  try {
    return parseConninfo(conninfo);
  } catch {
    return {};
  }
}

/** Of a `host:port` as a server or a file says it: an IPv6 address may stand there without brackets, a host alone. */
export function readEndpoint(text: string): string {
  const [, host = text, port] = /^(.*):(\d+)$/.exec(text.trim()) ?? [];
  return endpoint(host, port);
}

/** Undefined: they differ, and may be one server's all the same. */
export function isSameServer(one: string, other: string, resolved: Resolved = {}): true | undefined {
  if (one === other) return true;
  const [a, b] = [split(one), split(other)];
  if (a.port !== b.port) return undefined;
  const addresses = addressesOf(b.host, resolved);
  return addressesOf(a.host, resolved).some((address) => addresses.includes(address)) || undefined;
}

/** Whether it means the machine on which it is used, and so another server on each. */
export function isLoopback(one: string, resolved: Resolved = {}): boolean {
  const { host } = split(one);
  const loops = (address: string) => /^(127\.|\[::1\]|localhost$|\/)/.test(address);
  return loops(host) || addressesOf(host, resolved).some(loops);
}

/** The nodes that cannot replicate from this one: its url leads each of them to itself, and no `replication:` elsewhere. */
export function ledAstrayBy(name: string, nodes: Readonly<Record<string, Declared>>): readonly string[] {
  return aimsOf(nodes[name]?.replication ?? "").length > 0 ? [] : ledAstrayByUrl(name, nodes);
}

/**
 * The nodes that the url of this one, a Unix socket or loopback, leads to their own machines. Only of machines that are
 * declared (`host:`).
 */
export function ledAstrayByUrl(name: string, nodes: Readonly<Record<string, Declared>>): readonly string[] {
  const { url, host } = nodes[name] ?? { url: "" };
  if (host === undefined || !isLoopback(serverOf(url) ?? "")) return [];
  const isElsewhere = (other: Declared) => other.host !== undefined && machineOf(other.host) !== machineOf(host);
  return Object.entries(nodes).flatMap(([other, declared]) => (isElsewhere(declared) ? [other] : []));
}

/** The same machine, whatever account we log in with. */
function machineOf(host: string): string {
  return host.replace(/^ssh:\/\/[^@]*@/, "ssh://").replace(/^local:?$/, "local:");
}

/** The host names that have to be resolved to compare these. */
export function namesIn(endpoints: readonly string[]): readonly string[] {
  const hosts = endpoints.map((one) => split(one).host);
  return [...new Set(hosts)].filter((host) => !isAddress(host) && !host.startsWith("/"));
}

function addressesOf(host: string, resolved: Resolved): readonly string[] {
  return isAddress(host) ? [host] : (resolved[host] ?? []);
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

function split(one: string): { host: string; port: string } {
  const colon = one.lastIndexOf(":");
  return { host: one.slice(0, colon), port: one.slice(colon + 1) };
}

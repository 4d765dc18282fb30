import { join } from "node:path";
import type { LabOptions } from "./lab.ts";
import type { LabSite } from "./manager.ts";
import { claimPorts } from "./ports.ts";
import type { Route } from "./proxy/route.ts";
import type { NodeRecord } from "./record.ts";
import { logFileOf } from "./server-start.ts";

/** The nodes of a lab whose servers all listen on this machine's loopback, and `more` ports for whatever else listens. */
export async function loopbackNodes(
  { directory, nodesDirectory }: LabSite,
  options: LabOptions,
  more: number,
): Promise<
  Readonly<{
    ports: readonly number[];
    nodes: readonly NodeRecord[];
    routes: readonly Route[];
    others: readonly number[];
  }>
> {
  const roles = ["primary", ...(options.standbys ?? ["synchronous", "asynchronous"])] as const;
  const own = options.proxied ? roles.length * 2 : roles.length;
  const ports = await claimPorts(own + more, directory);
  const nodes = roles.map((role, index): NodeRecord => {
    const port = ports[index] as number;
    const serverPort = options.proxied ? (ports[roles.length + index] as number) : port;
    const name = `pg${index + 1}`;
    const dataDirectory = join(nodesDirectory, name, "data");
    const [url, ownUrl] = [port, serverPort].map((at) => `postgres://blackstart@127.0.0.1:${at}/postgres`) as [
      string,
      string,
    ];
    return { name, role, port, serverPort, url, ownUrl, dataDirectory, logs: [logFileOf(dataDirectory)] };
  });
  const routes = options.proxied
    ? nodes.map(({ name, port, serverPort }) => ({ node: name, port, target: serverPort }))
    : [];
  return { ports, nodes, routes, others: ports.slice(own) };
}

import { endpointsOf, isSameServer, namesIn, readEndpoint } from "../../drivers/postgres/endpoints.ts";
import { resolveNames } from "../../drivers/resolve.ts";
import { clusterOf } from "../../system/names.ts";
import type { MitigationContext } from "../context.ts";

/**
 * Which of these nodes a standby's sender is, by its `host:port`; undefined where it is another, or cannot be told. A name is
 * resolved only where no node is written so.
 */
export async function nodeAt(
  context: MitigationContext,
  cluster: string,
  sender: string | null,
  nodes: readonly string[],
): Promise<string | undefined> {
  if (sender === null) return undefined;
  const declared = clusterOf(context.system, cluster).nodes;
  const endpoint = readEndpoint(sender);
  const ofNode = (node: string) => (declared[node] === undefined ? [] : endpointsOf(declared[node]));
  const written = Object.keys(declared).filter((node) => ofNode(node).includes(endpoint));
  if (written.length > 0) return nodes.find((node) => written.includes(node));
  const resolved = await resolveNames(namesIn([endpoint, ...nodes.flatMap(ofNode)]));
  const found = nodes.filter((node) => ofNode(node).some((one) => isSameServer(one, endpoint, resolved)));
  return found.every((node) => node === found[0]) ? found[0] : undefined;
}

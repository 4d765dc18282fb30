import { endpointsOf, readEndpoint } from "../../drivers/postgres/endpoints.ts";
import { resolveNames } from "../../drivers/resolve.ts";
import { clusterOf } from "../../system/names.ts";
import type { MitigationContext } from "../context.ts";
import { leadsOf, namesToResolve } from "../source.ts";

/**
 * The declared node from which a standby streams, by the `host:port` that it says; undefined where it is none, or cannot be
 * told: a name may be that of several.
 */
export async function senderOf(
  { system }: MitigationContext,
  cluster: string,
  standby: string,
  sender: string | null,
): Promise<string | undefined> {
  if (sender === null) return undefined;
  const places = Object.entries(clusterOf(system, cluster).nodes).map(([node, declared]) => ({
    node,
    addresses: endpointsOf(declared),
  }));
  const own = places.find(({ node }) => node === standby) ?? { node: standby };
  const aims = [[readEndpoint(sender)]];
  const declared = places.flatMap(({ addresses }) => addresses);
  const [lead] = leadsOf(places, own, aims, await resolveNames(namesToResolve(aims, declared)));
  return lead?.to.length === 1 ? lead.to[0]?.node : undefined;
}

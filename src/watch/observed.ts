import type { ObservationEvent } from "../timeline/observation.ts";
import { nameAsStandby } from "../drivers/postgres/names.ts";
import type { ClusterView } from "./assess/view.ts";
import { placedSenders } from "./assess/view.ts";
import type { NodeFacts } from "./facts.ts";

/** What is to be remembered of a node for the day when it no longer answers; undefined until it has told everything. */
export function observationOf(view: ClusterView, one: NodeFacts): ObservationEvent["data"] | undefined {
  const { identity, line, pulse } = one;
  if (identity === undefined || pulse === undefined || one.condition.kind !== "up") return undefined;
  // A standby is known by its own account of its name; that is waited for.
  if (view.nodes.some((other) => other.condition.kind === "unknown")) return undefined;
  const name = pulse.replicationName ?? nameOnceStandby(view, one);
  const streaming = placedSenders(view, one).filter(({ row }) => row.state === "streaming");
  return {
    cluster: one.cluster,
    node: one.node,
    role: pulse.role,
    version: identity.version,
    systemIdentifier: identity.systemIdentifier,
    timelineId: pulse.timelineId,
    ...(line?.timelineId === pulse.timelineId ? { ancestors: line.ancestors } : {}),
    dataDirectory: identity.dataDirectory ?? "",
    configFile: identity.configFile ?? "",
    synchronousStandbyNames: pulse.synchronousStandbyNames,
    synchronousCommit: pulse.synchronousCommit,
    ...(name === undefined ? {} : { name }),
    // Of several that share a name and an address each is one.
    standbys: streaming.map(({ row, nodes }, at) => ({
      node: nodes[streaming.slice(0, at).filter((before) => before.nodes[0] === nodes[0]).length]?.node ?? "",
      name: row.applicationName ?? "",
      ...(row.clientAddress === null ? {} : { address: row.clientAddress }),
      syncState: row.syncState ?? "",
    })),
  };
}

/** Of a primary, as it will be brought back: else, dead after a failover, it might be any of those that commits wait for. */
function nameOnceStandby(view: ClusterView, { node, pulse }: NodeFacts): string | undefined {
  if (pulse?.role !== "primary" || pulse.naming === null) return undefined;
  const others = view.nodes.filter((other) => other.node !== node).flatMap((other) => other.pulse?.naming ?? []);
  return nameAsStandby(node, pulse.naming, others);
}

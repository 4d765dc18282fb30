import type { ObservationEvent } from "../timeline/observation.ts";
import type { ClusterView } from "./assess/view.ts";
import { nodeOfSender } from "./assess/view.ts";
import type { NodeFacts } from "./facts.ts";

/** What is to be remembered of a node for the day when it no longer answers; undefined until it has told everything. */
export function observationOf(view: ClusterView, one: NodeFacts): ObservationEvent["data"] | undefined {
  const { identity, pulse } = one;
  if (identity === undefined || pulse === undefined || one.condition.kind !== "up") return undefined;
  // A standby is known by its own account of its name; that is waited for.
  if (view.nodes.some((other) => other.condition.kind === "unknown")) return undefined;
  const streaming = pulse.senders.filter((sender) => sender.state === "streaming");
  return {
    cluster: one.cluster,
    node: one.node,
    role: pulse.role,
    version: identity.version,
    systemIdentifier: identity.systemIdentifier,
    timelineId: pulse.timelineId,
    dataDirectory: identity.dataDirectory ?? "",
    configFile: identity.configFile ?? "",
    synchronousStandbyNames: pulse.synchronousStandbyNames,
    standbys: streaming.map((sender) => ({
      node: nodeOfSender(view.nodes, view.cluster, sender)?.node ?? sender.applicationName ?? "",
      syncState: sender.syncState ?? "",
    })),
  };
}

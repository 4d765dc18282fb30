import type { Element } from "@xmldom/xmldom";
import { childrenOf, descendantsOf, idOf } from "../../drivers/pacemaker/xml.ts";
import { parseCib } from "./xml.ts";

/** What the cluster information base says at one moment. */
export type ClusterState = Readonly<{
  /** Whether the partition that was asked has the majority. */
  quorum: boolean;
  /** The node whose controller decides; undefined: none is elected. */
  coordinator: string | undefined;
  nodes: readonly NodeState[];
}>;

export type NodeState = Readonly<{
  name: string;
  /** Its controller takes part. */
  online: boolean;
  /** The agent's word: PRI, HS:sync, HS:async, HS:potential, HS:alone, STOP, UNKNOWN; undefined: none yet. */
  status: string | undefined;
  /** What it may become: the promotion score, as `1000`, `100`, `-INFINITY`. */
  promotionScore: string | undefined;
  /** Resources of which it is known whether they are active here. */
  known: readonly string[];
  /** Resources whose last recorded action left them active here, clones without their numbers. */
  active: readonly string[];
}>;

/** Reads it from `cibadmin --query`. Pure. @param resource the id of the pgsql primitive */
export function clusterState(text: string, resource: string): ClusterState {
  const cib = parseCib(text, "The lab's own configuration");
  const root = cib.documentElement;
  const states = descendantsOf(cib, "node_state");
  const nodes = descendantsOf(cib, "nodes").flatMap((section) => childrenOf(section));
  return {
    quorum: root?.getAttribute("have-quorum") === "1",
    coordinator:
      nodes.find((node) => node.getAttribute("id") === root?.getAttribute("dc-uuid"))?.getAttribute("uname") ??
      undefined,
    nodes: nodes.map((node) => {
      const name = node.getAttribute("uname") ?? "";
      const state = states.find((candidate) => candidate.getAttribute("uname") === name);
      const online = state?.getAttribute("crmd") === "online" && state.getAttribute("join") === "member";
      const attributes = state === undefined || !online ? [] : descendantsOf(state, "nvpair");
      const value = (attribute: string) =>
        attributes.find((pair) => pair.getAttribute("name") === attribute)?.getAttribute("value") ?? undefined;
      return {
        name,
        online,
        status: value(`${resource}-status`),
        promotionScore: value(`master-${resource}`),
        known: state === undefined || !online ? [] : descendantsOf(state, "lrm_resource").map(nameOf),
        active: state === undefined || !online ? [] : activeIn(state),
      };
    }),
  };
}

/** By the action with the highest call of each resource: a successful start, promotion or monitor leaves it active. */
function activeIn(state: Element): readonly string[] {
  return descendantsOf(state, "lrm_resource").flatMap((resource) => {
    const [last] = descendantsOf(resource, "lrm_rsc_op")
      .filter((operation) => operation.getAttribute("operation") !== "notify")
      .toSorted((a, b) => Number(b.getAttribute("call-id")) - Number(a.getAttribute("call-id")));
    const code = last?.getAttribute("rc-code");
    const active = last?.getAttribute("operation") !== "stop" && (code === "0" || code === "8");
    return active ? [nameOf(resource)] : [];
  });
}

function nameOf(resource: Element): string {
  return idOf(resource).replace(/:\d+$/, "");
}

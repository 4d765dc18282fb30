import { managerOf } from "../managers.ts";
import type { NetworkState } from "../proxy/network.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import type { Fault } from "./fault.ts";
import { namesOf, primariesOf } from "./roles.ts";

export const cut = networkFault(
  "cut",
  "cut",
  "The network to the primary is cut: its connections, also those of replication, are reset, new ones refused.",
);

export const blackHole = networkFault(
  "black-hole",
  "black-hole",
  "The network to the primary swallows everything: connections stay open, and nothing comes or goes.",
);

function networkFault(name: string, state: NetworkState, description: string): Fault {
  const set = async (lab: LabRecord, nodes: readonly NodeRecord[], wanted: NetworkState) => {
    for (const node of nodes) await managerOf(lab).setNetwork(lab, node, wanted);
  };
  return {
    name,
    description,
    targets: primariesOf,
    async inject(lab, nodes) {
      await set(lab, nodes, state);
      return `The network to ${namesOf(nodes)} is now: ${state}.`;
    },
    async tookEffect(lab, nodes) {
      return nodes.every((node) => managerOf(lab).networkOf(lab, node) === state);
    },
    async heal(lab, nodes) {
      await set(lab, nodes, "open");
      return `The network to ${namesOf(nodes)} is open again.`;
    },
  };
}

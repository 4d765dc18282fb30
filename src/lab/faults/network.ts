import { BlackstartError } from "../../base/error.ts";
import { type NetworkState, readApplied, setNetwork } from "../proxy/network.ts";
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
    if (lab.proxy === null) throw notProxied(lab, name);
    for (const node of nodes) await setNetwork(lab.directory, node.name, wanted);
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
      const applied = readApplied(lab.directory);
      return nodes.every((node) => applied?.nodes[node.name] === state);
    },
    async heal(lab, nodes) {
      await set(lab, nodes, "open");
      return `The network to ${namesOf(nodes)} is open again.`;
    },
  };
}

function notProxied(lab: LabRecord, fault: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The lab ${lab.name} has no network of its own that “${fault}” could break.`,
    why: "Its nodes speak to each other directly.",
    next: "Make a lab with a proxy before each node: `blackstart lab up --proxied`.",
    details: { lab: lab.name },
  });
}

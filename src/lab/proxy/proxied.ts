import { BlackstartError } from "../../base/error.ts";
import { isAlive } from "../processes.ts";
import type { LabRecord, NodeRecord, ProxyRecord } from "../record.ts";
import { type NetworkState, readApplied, setNetwork } from "./network.ts";

/** The network of a lab whose nodes share this machine's loopback: it is the proxy's to break, where there is one. */
export const proxiedNetwork = {
  async setNetwork(lab: LabRecord, node: NodeRecord, state: NetworkState): Promise<void> {
    if (proxyOf(lab) === null) throw notProxied(lab);
    await setNetwork(lab.directory, node.name, state);
  },
  networkOf(lab: LabRecord, node: NodeRecord): NetworkState | undefined {
    return readApplied(lab.directory)?.nodes[node.name];
  },
};

export function proxyProcesses(lab: LabRecord): readonly { pid: number }[] {
  const running = proxyOf(lab)?.process ?? null;
  return running !== null && isAlive(running) ? [running] : [];
}

export function proxyOf({ manager }: LabRecord): ProxyRecord | null {
  return manager.kind === "pacemaker" ? null : manager.proxy;
}

function notProxied(lab: LabRecord): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The lab ${lab.name} has no network of its own that could be broken.`,
    why: "Its nodes speak to each other directly.",
    next: "Make a lab with a proxy before each node: `blackstart lab up --proxied`.",
    details: { lab: lab.name },
  });
}

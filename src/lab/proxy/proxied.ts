import { BlackstartError } from "../../base/error.ts";
import { argumentsOf, type ProcessInfo, processesIn } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { type NetworkState, readApplied, setNetwork } from "./network.ts";
import type { Route } from "./route.ts";

/** The network of a lab whose nodes share this machine's loopback: it is the proxy's to break, where there is one. */
export const proxiedNetwork = {
  async setNetwork(lab: LabRecord, node: NodeRecord, state: NetworkState): Promise<void> {
    if (routesOf(lab).length === 0) throw notProxied(lab);
    await setNetwork(lab.directory, node.name, state);
  },
  networkOf(lab: LabRecord, node: NodeRecord): NetworkState | undefined {
    return readApplied(lab.directory)?.nodes[node.name];
  },
};

/** Found by where it stands and what it was started with, also when whoever started it was killed at once. */
export function proxyProcesses({ directory }: LabRecord): readonly ProcessInfo[] {
  return processesIn(directory, ({ pid, directory: stands }) => stands === directory && isProxy(argumentsOf(pid)));
}

function isProxy(args: readonly string[]): boolean {
  return args.some((argument) => /[/]proxy[/]main[.][jt]s$/.test(argument));
}

/** Empty: the lab has no proxy. */
export function routesOf({ manager }: LabRecord): readonly Route[] {
  return manager.kind === "pacemaker" ? [] : manager.routes;
}

function notProxied(lab: LabRecord): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The lab ${lab.name} has no network of its own that could be broken.`,
    why: "Its nodes speak to each other directly.",
    next: "Make a lab with a proxy before each node: `blackstart lab up --proxied`.",
    details: { lab: lab.name },
  });
}

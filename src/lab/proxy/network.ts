import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { Line } from "./lane.ts";
import { readJson, writeJson } from "../json-file.ts";

/**
 * What the network to and from a node does. `cut`: connections are reset, new ones refused. `black-hole`: connections
 * are accepted and nothing comes or goes; existing ones fall silent. A line: everything arrives, but late.
 */
export type NetworkState = "open" | "cut" | "black-hole" | Line;

/**
 * The wanted state, `network.json`, and what the proxy has made of it, `network-applied.json`. A file serves better here
 * than a socket: its path may be long, it can be looked at, and a proxy that is started anew finds its orders.
 */
export type Network = Readonly<{ revision: number; nodes: Readonly<Record<string, NetworkState>> }>;

export const networkFile = (directory: string) => join(directory, "network.json");
export const appliedFile = (directory: string) => join(directory, "network-applied.json");

const applyTimeoutMs = 5000;

export function readNetwork(directory: string): Network {
  return readJson<Network>(networkFile(directory)) ?? { revision: 0, nodes: {} };
}

export function readApplied(directory: string): Network | undefined {
  return readJson<Network>(appliedFile(directory));
}

/** Returns when the proxy has done it. */
export async function setNetwork(directory: string, node: string, state: NetworkState): Promise<void> {
  const before = readNetwork(directory);
  const revision = before.revision + 1;
  writeJson(networkFile(directory), { revision, nodes: { ...before.nodes, [node]: state } } satisfies Network);
  const applied = await pollUntil(
    async () => ((readApplied(directory)?.revision ?? 0) >= revision ? true : undefined),
    { everyMs: 2, timeoutMs: applyTimeoutMs },
  );
  if (applied) return;
  throw new BlackstartError("LAB_FAILED", {
    what: `The lab's proxy did not take the order “${typeof state === "string" ? state : "slow"}” for ${node} within ${applyTimeoutMs} ms.`,
    why: "It is not running.",
    next: "Take the lab down and make it anew.",
  });
}

import { type NodeAtRest, type Rest, troublesOf } from "../../trial/rest.ts";
import type { LiveManager } from "./faults.ts";

/**
 * Two rests with the same key are one state: nodes that were made alike may have changed places. What nobody shows (how old
 * the data of a node that is off is, what an automation remembers) is not part of it. Pure.
 */
export function stateKey(rest: Rest, manager: LiveManager): string {
  const nodes = rest.nodes.map((node) => nodeKey(node, manager)).toSorted();
  return JSON.stringify([nodes, rest.accepted, rest.settled, troublesOf(rest)]);
}

/**
 * What a node is now. Patroni's members are all made alike, and who is what among them is chance at the beginning; elsewhere a
 * node keeps what its own configuration says of it. Pure.
 */
export function nodeKey({ madeAs, role, manager: opinion, network }: NodeAtRest, manager: LiveManager): string {
  const made = manager === "patroni" ? "" : madeAs;
  const isLeader = opinion?.role === "primary";
  return JSON.stringify([made, role, isLeader, network ?? "open"]);
}

import { isSameName } from "../../drivers/postgres/names.ts";
import { isSynchronousName, parseSynchronousNames } from "../../drivers/postgres/synchronous-names.ts";
import type { Found, NodeFacts } from "../facts.ts";
import { nodeRef } from "./roles.ts";
import { type ClusterView, type PlacedSender, placedSenders } from "./view.ts";

/** A node that has just been started, or led to another primary, streams before it is looked at again. */
const graceMs = 5000;

/**
 * A server that streams under a node's name and is not that node. PostgreSQL goes by the name alone: commits wait for it
 * in the node's place, and what they acknowledge is then on a server that no plan knows of.
 */
export function assessStrangers(view: ClusterView): readonly Found[] {
  return view.primaries.flatMap((primary) =>
    placedSenders(view, primary).flatMap((sender) => {
      const node = nodeOfThatName(view, sender);
      return node === undefined ? [] : [stranger(primary, node, sender)];
    }),
  );
}

function nodeOfThatName(view: ClusterView, { row, nodes }: PlacedSender): NodeFacts | undefined {
  const { applicationName: name, connectedMs, state } = row;
  if (nodes.length > 0 || name === null || state === "backup") return undefined;
  if (connectedMs === null || connectedMs < graceMs) return undefined;
  return view.nodes.find((one) => isSameName(one.pulse?.replicationName ?? one.node, name));
}

function stranger(primary: NodeFacts, node: NodeFacts, { row }: PlacedSender): Found {
  const from = row.clientAddress === null ? "this machine" : row.clientAddress;
  const setting = primary.pulse?.synchronousStandbyNames ?? "";
  const names = parseSynchronousNames(setting);
  const isWaitedFor = names !== undefined && isSynchronousName(names, row.applicationName ?? "");
  return {
    code: "replication.foreign-standby",
    severity: "warning",
    subject: nodeRef(node),
    title: `A server at ${from} streams from ${primary.node} as “${row.applicationName}”, which is ${node.node}'s name; it is not ${node.node}.${isWaitedFor ? ` Commits wait for it as if it were.` : ""}`,
    evidence: [
      { label: "address", value: from },
      { label: "state", value: `${row.state}, ${row.syncState}` },
      { label: "synchronous_standby_names", value: setting || "empty" },
      { label: node.node, value: placeOf(node) },
    ],
  };
}

function placeOf({ condition, pulse }: NodeFacts): string {
  if (condition.kind !== "up") return condition.kind;
  if (pulse?.role === "primary") return "takes writes itself";
  return pulse?.aimedAt == null ? "streams from nobody" : `streams from ${pulse.aimedAt}`;
}

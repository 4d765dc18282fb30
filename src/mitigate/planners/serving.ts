import type { NodeFacts } from "../cluster-facts.ts";

/** Why no policy may stop, or make anew, one of these nodes; nothing where their hosts see them down. */
export function needsPersonFor(...nodes: readonly NodeFacts[]): { needsPerson?: string } {
  const needsPerson = nodes.map(servingReason).find((reason) => reason !== undefined);
  return needsPerson === undefined ? {} : { needsPerson };
}

function servingReason(node: NodeFacts): string | undefined {
  if (node.observation !== undefined) return `${node.node} answers, and whom it serves would be cut off`;
  const state = node.instance?.state;
  if (state === "down") return undefined;
  if (state === "no-data")
    return `${node.node} has no data directory: whether its disk is lost, or only not mounted, has to be seen`;
  return `${node.node} does not answer, and its host does not see it down`;
}

import type { NodeFacts } from "../cluster-facts.ts";

/** Why no policy may stop one of these nodes; nothing where their hosts see them down. For plans that stop them. */
export function needsPersonFor(...nodes: readonly NodeFacts[]): { needsPerson?: string } {
  const needsPerson = nodes.map(servingReason).find((reason) => reason !== undefined);
  return needsPerson === undefined ? {} : { needsPerson };
}

function servingReason(node: NodeFacts): string | undefined {
  if (node.observation !== undefined) return `${node.node} answers, and whom it serves would be cut off`;
  const state = node.instance?.state;
  if (state === "down" || state === "no-data") return undefined;
  return `${node.node} does not answer, and its host does not see it down`;
}

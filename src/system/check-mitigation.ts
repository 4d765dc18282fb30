import { type Mapping, mapping, mappings } from "./loose.ts";
import type { Report } from "./problem.ts";

/**
 * `failover: auto` that can never come about is refused: somebody would sleep on it. Where it holds for some clusters
 * or some nodes only, the file is right and `systemWarnings` tells for which not: one switch serves all clusters, and
 * a cluster without hosts (a managed service, say) must not forbid it for the others. What is unsafe in the night is
 * refused by the safety rules either way.
 */
export function checkMitigation(data: unknown, report: Report): void {
  const clusters = mappings(mapping(data).clusters);
  if (mapping(mapping(data).mitigation).failover !== "auto" || clusters.length === 0) return;
  const reasons = clusters.map(([name, cluster]) => neverReason(name, cluster));
  if (reasons.every((reason) => reason !== undefined))
    report(["mitigation", "failover"], `auto can never come about: ${reasons.join("; ")}`);
}

/** Why no failover of this cluster can ever go without a person. */
function neverReason(name: string, cluster: Mapping): string | undefined {
  const nodes = Object.values(mapping(cluster.nodes));
  if (cluster.manager === "patroni" || cluster.manager === "pacemaker")
    return `${name} is failed over by ${cluster.manager}`;
  if (nodes.length < 2) return `${name} has no second node`;
  if (cluster.fence === undefined && nodes.every((node) => mapping(node).host === undefined))
    return `no node of ${name} has a \`host\`, and there is no \`fence\` command: the old primary cannot be shown to be dead`;
  return undefined;
}

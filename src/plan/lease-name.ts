import type { Plan } from "./plan.ts";

/**
 * The name under which a plan works alone: one plan a cluster at a time. What belongs to no cluster (a cache, a
 * service) has a name of its own.
 */
export function leaseNameOf(plan: Pick<Plan, "subject" | "steps">): string {
  const { kind, name } = plan.subject;
  if (kind === "cluster") return `cluster/${name}`;
  // The names of nodes are written `cluster/node`.
  if (kind === "node") return `cluster/${name.split("/")[0]}`;
  for (const step of plan.steps) {
    if (typeof step.parameters.cluster === "string") return `cluster/${step.parameters.cluster}`;
  }
  return `${kind}/${name}`;
}

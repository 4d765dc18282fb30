import { leaseNameOf } from "./lease-name.ts";
import type { Plan, PlanRequest } from "./plan.ts";

/**
 * Whether this plan is what a remedy asks for. A restart of the last primary may be planned for its cluster, and asked for
 * by its node; the plan of one node is never that of another. Pure.
 */
export function answersRemedy(plan: Pick<Plan, "kind" | "subject" | "steps">, remedy: PlanRequest): boolean {
  const isOfAnother =
    plan.subject.kind === "node" && remedy.subject.kind === "node" && plan.subject.name !== remedy.subject.name;
  const place = leaseNameOf({ ...remedy, steps: plan.steps });
  return plan.kind === remedy.kind && !isOfAnother && place === leaseNameOf(plan);
}

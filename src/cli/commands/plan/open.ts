import { leaseNameOf } from "../../../plan/lease-name.ts";
import type { PlanStatus } from "../../../plan/status.ts";
import type { StatusLook } from "../status/look.ts";
import { isWaiting } from "./find.ts";

/** Those that wait for somebody, and those that stopped half-way and left something wrong behind. */
export function openPlans(look: Pick<StatusLook, "plans" | "findings" | "incidents">): readonly PlanStatus[] {
  const left = new Set(leftHalfWay(look.plans).filter((plan) => isTroubleLeft(plan, look)));
  return look.plans.filter((plan) => isWaiting(plan) || left.has(plan));
}

/** Those that stopped half-way, and nothing was carried out in the same place since. Whether that matters, the world tells. */
export function leftHalfWay(plans: readonly PlanStatus[]): readonly PlanStatus[] {
  const begun = plans.filter(({ startedAt }) => startedAt !== undefined);
  return begun.filter((plan) => {
    const since = begun.filter((other) => leaseNameOf(other.plan) === leaseNameOf(plan.plan));
    const last = since.toSorted((a, b) => (a.startedAt ?? "").localeCompare(b.startedAt ?? "")).at(-1);
    return plan.state === "stopped" && plan.undo?.state !== "undone" && last === plan;
  });
}

/** Its incident is not over, and something is wrong where it worked. */
function isTroubleLeft(
  { plan }: PlanStatus,
  { findings, incidents }: Pick<StatusLook, "findings" | "incidents">,
): boolean {
  if (incidents.some(({ id, status }) => id === plan.incident && status === "resolved")) return false;
  const place = leaseNameOf(plan).replace(/^[^/]*\//, "");
  return findings.some(({ severity, subject }) => severity !== "info" && subject.name.split("/")[0] === place);
}

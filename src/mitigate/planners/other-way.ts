import { isDown } from "../../drivers/postgres/instance.ts";
import { isRefusal, type Refusal } from "../../plan/plan.ts";
import type { System } from "../../system/schema.ts";
import type { ClusterFacts } from "../cluster-facts.ts";
import { lastPrimaryOf } from "../old-primary.ts";
import type { PlanDraft } from "../planning.ts";
import { readied } from "../readiness/ready.ts";
import { planRestart } from "./restart.ts";

/**
 * A failover may be refused for what only it needs, while the dead primary could simply be started. The refusal then says
 * so; it recommends nothing that would be refused in its turn.
 */
export function withOtherWay(failover: PlanDraft | Refusal, system: System, facts: ClusterFacts): PlanDraft | Refusal {
  if (!isRefusal(failover) || failover.provide.includes("mitigate restart")) return failover;
  const old = lastPrimaryOf(facts);
  if (old?.observation !== undefined || old?.instance === undefined || !isDown(old.instance)) return failover;
  const restart = planRestart(system, facts, { node: old.node, acceptLoss: false, evenIfStarting: false });
  if (isRefusal(readied(restart, facts))) return failover;
  const way = `Or start ${old.node} again: \`blackstart mitigate restart ${facts.cluster}/${old.node}\`.`;
  return { ...failover, provide: `${failover.provide} ${way}` };
}

import type { Plan } from "../plan/plan.ts";
import type { PlanStatus } from "../plan/status.ts";
import type { System } from "../system/schema.ts";

/* What may be done without a person, as a pure decision over tables. */

type Policy = keyof System["mitigation"];

/** The policy that speaks of a kind of plan. For those without one a person decides. */
const policyOf: Readonly<Record<string, Policy>> = {
  failover: "failover",
  // What a failover ends with; alone, it changes no server.
  "move-clients": "failover",
  restart: "restart",
  rejoin: "rejoin",
};

/** Steps that a policy does not cover because it covers the plan: they need one of their own. */
const stepPolicies: Readonly<Record<string, Readonly<Partial<Record<Policy, Policy>>>>> = {
  "postgres.rejoin": { restart: "rejoin" },
  "postgres.fence": { restart: "rejoin" },
};

/**
 * How often a remedy is tried without a person for one cause in one incident. Each try of a failover begins with what is
 * there now, and a service that is down has nothing to lose by it. What is done to a single node either helps, or the
 * reason is another, and doing it again would only stop and copy it again.
 */
const triesMax: Readonly<Record<Policy, number>> = { failover: 3, restart: 1, rejoin: 1 };

/** A plan that ran under the policy in the same incident, for the same remedy. */
export type Try = Readonly<{
  plan: string;
  outcome: string;
  /** The codes of the findings that asked for it. */
  causes: readonly string[];
}>;

export type Alone =
  | Readonly<{ runs: true }>
  /** `surprises`: the policy would have allowed it, so whoever relies on that has to be told. */
  | Readonly<{ runs: false; why: string; surprises: boolean }>;

/** @param causes the codes of the findings that ask for this plan */
export function mayRunAlone(
  policies: System["mitigation"],
  plan: Plan,
  causes: readonly string[],
  tries: readonly Try[],
): Alone {
  const policy = policyOf[plan.kind];
  if (policy === undefined || policies[policy] !== "auto")
    return { runs: false, why: `a ${plan.kind} is only proposed`, surprises: false };
  const why = firstReason(policies, policy, plan, causes, tries);
  return why === undefined ? { runs: true } : { runs: false, why, surprises: true };
}

/** Whether a plan that was interrupted is resumed without a person: it was begun so, and today's policy allows it still. */
export function mayGoOnAlone(
  policies: System["mitigation"],
  { plan, approved }: Pick<PlanStatus, "plan" | "approved">,
): boolean {
  return approved?.how === "policy" && mayRunAlone(policies, plan, [], []).runs;
}

function firstReason(
  policies: System["mitigation"],
  policy: Policy,
  plan: Plan,
  causes: readonly string[],
  tries: readonly Try[],
): string | undefined {
  if (plan.needsPerson !== undefined) return plan.needsPerson;
  if (plan.risk.lossBytes !== 0) return "acknowledged writes could be lost";
  if (plan.steps.some((step) => step.kind === "clients.by-hand")) return "clients have to be moved by hand";
  const missing = plan.steps
    .map((step) => stepPolicies[step.kind]?.[policy])
    .find((one) => one && policies[one] !== "auto");
  if (missing !== undefined) return `it contains a ${missing}, and \`mitigation.${missing}\` is not \`auto\``;
  const same = tries.filter((one) => policy === "failover" || one.causes.some((cause) => causes.includes(cause)));
  if (same.length < triesMax[policy]) return undefined;
  const last = same.at(-1);
  const times = same.length === 1 ? "once" : `${same.length} times`;
  return `it was tried ${times} for this incident (${last?.plan}: ${last?.outcome}), and did not help`;
}

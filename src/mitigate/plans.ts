import { randomBytes } from "node:crypto";
import { BlackstartError } from "../base/error.ts";
import type { JsonObject } from "../base/json.ts";
import { systemClock } from "../base/time.ts";
import type { Ref } from "../finding/finding.ts";
import { isRefusal, type Plan, type PlanRequest, type Refusal } from "../plan/plan.ts";
import { clusterOf, nodeOf } from "../system/names.ts";
import type { System } from "../system/schema.ts";
import type { ClusterFacts } from "./cluster-facts.ts";
import type { MitigationContext } from "./context.ts";
import { gatherFacts } from "./facts.ts";
import { leftBehindIn } from "./left-behind.ts";
import { planCleanUp } from "./planners/clean-up.ts";
import { planDegradeSynchronous } from "./planners/degrade-synchronous.ts";
import { planDemote } from "./planners/demote.ts";
import { withOtherWay } from "./planners/other-way.ts";
import { planFailover } from "./planners/failover.ts";
import { planMoveClients } from "./planners/move-clients.ts";
import { planRejoin } from "./planners/rejoin.ts";
import { planRestart } from "./planners/restart.ts";
import { planRestoreSynchronous } from "./planners/restore-synchronous.ts";
import { planServiceRestart } from "./planners/service-restart.ts";
import { planSwitchover } from "./planners/switchover.ts";
import { planUnfence } from "./planners/unfence.ts";
import { withStall } from "./stall.ts";
import { type Choice, choiceOf, type PlanDraft } from "./planning.ts";
import { readied } from "./readiness/ready.ts";

type Planner = (system: System, facts: ClusterFacts, choice: Choice) => PlanDraft | Refusal;

const planners: Readonly<Record<string, Planner>> = {
  failover: planFailover,
  switchover: planSwitchover,
  restart: planRestart,
  rejoin: planRejoin,
  "degrade-synchronous": planDegradeSynchronous,
  "restore-synchronous": planRestoreSynchronous,
  demote: planDemote,
  "move-clients": planMoveClients,
  unfence: planUnfence,
};

export const mitigationKinds: readonly string[] = [...Object.keys(planners), "clean-up"];

/**
 * Looks at the cluster as it is now, and plans. Changes nothing.
 * @param request.options node: which one; acceptLoss, evenIfStarting: what the person accepts; incident: its id; clean-up:
 *   copies, slots: the paths and the names of those that the person has named
 */
export async function makeMitigationPlan(request: PlanRequest, context: MitigationContext): Promise<Plan | Refusal> {
  const draft = await draftOf(request, context);
  if (isRefusal(draft)) return draft;
  const clock = context.clock ?? systemClock;
  const incident = request.options?.incident;
  return {
    ...draft,
    id: `${draft.kind}-${placeOf(draft.subject)}-${randomBytes(3).toString("hex")}`,
    createdAt: clock.now(),
    ...(typeof incident === "string" ? { incident } : {}),
  };
}

async function draftOf(request: PlanRequest, context: MitigationContext): Promise<PlanDraft | Refusal> {
  const { kind, subject, options } = request;
  if (kind === "restart" && subject.kind === "service") return planServiceRestart(context.system, subject.name);
  if (kind === "clean-up") return cleanUpDraft(context, subject, options);
  const planner = planners[kind];
  if (planner === undefined)
    throw wrongRequest(`Nothing is known of a plan of kind “${kind}”.`, `It is one of ${mitigationKinds.join(", ")}.`);
  const { cluster, node } = targetOf(context.system, subject, options);
  // A finding about the dead primary asks for a failover; its subject is not the node to be promoted.
  const promotes = kind === "failover" || kind === "switchover";
  const gathered = await gatherFacts(context, cluster, kind === "failover" ? "silent" : "all");
  const facts = kind === "degrade-synchronous" ? await withStall(context, gathered) : gathered;
  const draft = readied(planner(context.system, facts, choiceOf(options, promotes ? undefined : node)), facts);
  return kind === "failover" ? withOtherWay(draft, context.system, facts) : draft;
}

async function cleanUpDraft(
  context: MitigationContext,
  subject: Ref,
  options: JsonObject | undefined,
): Promise<PlanDraft | Refusal> {
  const { cluster, node } = targetOf(context.system, subject, options);
  const named = (list: unknown) =>
    Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : [];
  return planCleanUp(context.system, cluster, await leftBehindIn(context, cluster), {
    ...(node === undefined ? {} : { node }),
    copies: named(options?.copies),
    slots: named(options?.slots),
  });
}

function targetOf(system: System, subject: Ref, options: JsonObject | undefined): { cluster: string; node?: string } {
  if (typeof options?.node === "string") nodeOf(system, clusterNameOf(subject), options.node);
  switch (subject.kind) {
    case "cluster":
      clusterOf(system, subject.name);
      return { cluster: subject.name };
    case "node": {
      const [cluster = "", node = ""] = subject.name.split("/");
      nodeOf(system, cluster, node);
      return { cluster, node };
    }
    case "system":
    case "cache":
    case "service":
    case "invariant":
    case "incident":
      throw wrongRequest(
        `A ${subject.kind} cannot be mitigated this way.`,
        "Name a cluster, or a node as cluster/node.",
      );
  }
}

function clusterNameOf(subject: Ref): string {
  return subject.name.split("/")[0] ?? "";
}

function placeOf(subject: Ref): string {
  return subject.name.replaceAll("/", "-");
}

function wrongRequest(what: string, next: string): BlackstartError {
  return new BlackstartError("USAGE", { what, why: "The request does not fit what can be planned.", next });
}

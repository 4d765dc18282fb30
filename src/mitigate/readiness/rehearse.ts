import type { Finding } from "../../finding/finding.ts";
import { isRefusal, type Refusal } from "../../plan/plan.ts";
import type { System } from "../../system/schema.ts";
import { type AnsweringNode, type ClusterFacts, type NodeFacts, primariesOf, standbysOf } from "../cluster-facts.ts";
import { planFailover } from "../planners/failover.ts";
import { planRejoin } from "../planners/rejoin.ts";
import { planSwitchover } from "../planners/switchover.ts";
import { type Choice, type PlanDraft, refuseLockedOut } from "../planning.ts";
import { readied } from "./ready.ts";

/*
 * What the planners would say tonight. The same pure planners are given the same facts as in an outage, with a single
 * change: the primary is gone, or a standby is. So nothing is promised here that would be refused then.
 */

/** One plan that was rehearsed. `ready`: it would be carried out; its statements say at what risk. */
export type Rehearsed = Readonly<{
  kind: "failover" | "switchover" | "rejoin";
  /** The node to be promoted or brought back; undefined: as Blackstart would choose. */
  node?: string;
  verdict: "ready" | "refused";
  rule?: string;
  statements: readonly string[];
}>;

export type Rehearsal = Readonly<{ tried: readonly Rehearsed[]; findings: readonly Omit<Finding, "seenAt">[] }>;

const noChoice: Choice = { acceptLoss: false, evenIfStarting: false };

export function rehearse(system: System, facts: ClusterFacts): Rehearsal {
  const primaries = primariesOf(facts);
  const [primary] = primaries;
  if (primary === undefined || primaries.length > 1) {
    const title = `Nothing can be rehearsed on ${facts.cluster}: ${primary === undefined ? "no primary answers" : "more than one node takes writes"}.`;
    return {
      tried: [],
      findings: [
        { ...about(facts), code: "ready.not-rehearsed", severity: "critical", title, evidence: whyNone(facts) },
      ],
    };
  }
  const standbys = standbysOf(facts).map(({ node }) => node);
  const lost = without(facts, primary);
  const tries = [
    tryOne("failover", undefined, readied(planFailover(system, lost, noChoice), lost)),
    ...standbys.map((node) =>
      tryOne("failover", node, readied(planFailover(system, lost, { ...noChoice, node }), lost)),
    ),
    tryOne("switchover", undefined, readied(planSwitchover(system, facts, noChoice), facts)),
    ...standbys.map((node) =>
      tryOne("switchover", node, readied(planSwitchover(system, facts, { ...noChoice, node }), facts)),
    ),
    ...standbysOf(facts).map((standby) => {
      const missing = without(facts, standby);
      return tryOne(
        "rejoin",
        standby.node,
        readied(planRejoin(system, missing, { ...noChoice, node: standby.node }), missing),
      );
    }),
  ];
  return { tried: tries.map(({ tried }) => tried), findings: findingsOf(facts, tries) };
}

/** Of each node that does not answer: why, and of one whose login is refused, what lets us in. */
function whyNone({ nodes }: ClusterFacts): Finding["evidence"] {
  return nodes.flatMap((one) => {
    const locked = refuseLockedOut(one);
    if (locked !== undefined)
      return [
        { label: one.node, value: locked.missing },
        { label: "to provide", value: locked.provide },
      ];
    return one.problem === undefined ? [] : [{ label: one.node, value: one.problem }];
  });
}

type Try = Readonly<{ tried: Rehearsed; refusal: Refusal | undefined }>;

function tryOne(kind: Rehearsed["kind"], node: string | undefined, plan: PlanDraft | Refusal): Try {
  const named = { kind, ...(node === undefined ? {} : { node }) };
  if (isRefusal(plan))
    return { tried: { ...named, verdict: "refused", rule: plan.rule, statements: [] }, refusal: plan };
  return { tried: { ...named, verdict: "ready", statements: plan.risk.statements }, refusal: undefined };
}

/** A server that is gone, as it will look then: nothing listens, and its host sees it down where it sees it now. */
function without(facts: ClusterFacts, gone: AnsweringNode): ClusterFacts {
  const {
    observation,
    instance,
    following: _following,
    limits: _limits,
    clientsLogin: _login,
    rights: _rights,
    ...rest
  } = gone;
  const { settings, role, timelineId, version, systemIdentifier, standbys } = observation;
  const byName = (name: string) => facts.nodes.find((one) => one.applicationName === name)?.node ?? name;
  const dead: NodeFacts = {
    ...rest,
    reach: "closed",
    problem: "it is taken to be dead for this rehearsal",
    ...(instance === undefined ? {} : { instance: { state: "down", pids: [], standbySignal: role === "standby" } }),
    configured: {
      synchronousStandbyNames: settings.synchronousStandbyNames,
      synchronousCommit: settings.synchronousCommit,
    },
    remembered: {
      cluster: facts.cluster,
      node: gone.node,
      role,
      version,
      systemIdentifier,
      timelineId,
      dataDirectory: settings.dataDirectory,
      configFile: settings.configFile,
      synchronousStandbyNames: settings.synchronousStandbyNames,
      ...gone.remembered,
      standbys: standbys
        .filter((one) => one.state === "streaming")
        .map((one) => ({ node: byName(one.applicationName), syncState: one.syncState })),
    },
  };
  return { ...facts, nodes: facts.nodes.map((one) => (one.node === gone.node ? dead : one)) };
}

/**
 * A refusal of the plan that would be made by itself is what matters at night; of a node that a person would have to
 * name, it says that this one cannot be chosen. What is refused for one reason everywhere is said once.
 */
function findingsOf(facts: ClusterFacts, tries: readonly Try[]): Rehearsal["findings"] {
  const said = new Set<string>();
  return tries.flatMap(({ tried, refusal }) => {
    if (refusal === undefined || said.has(`${tried.kind} ${refusal.missing}`)) return [];
    said.add(`${tried.kind} ${refusal.missing}`);
    const { kind, node } = tried;
    const what =
      kind === "rejoin"
        ? `A rejoin of ${node}`
        : `A ${kind} of ${facts.cluster}${node === undefined ? "" : ` to ${node}`}`;
    const subject =
      node === undefined ? about(facts).subject : ({ kind: "node", name: `${facts.cluster}/${node}` } as const);
    // That a person has to accept a loss is no fault of the set-up: it is what asynchronous replication means.
    const accepts = refusal.accept !== undefined;
    return [
      {
        code: `ready.${kind}`,
        severity: kind === "failover" && node === undefined && !accepts ? "critical" : accepts ? "info" : "warning",
        subject,
        title: accepts
          ? `${what} would need ${refusal.accept}: ${refusal.missing}`
          : `${what} would be refused: ${refusal.missing}`,
        evidence: [{ label: "to provide", value: refusal.provide }],
      } as const,
    ];
  });
}

function about(facts: ClusterFacts) {
  return { subject: { kind: "cluster", name: facts.cluster } } as const;
}

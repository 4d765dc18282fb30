import type { JsonObject } from "../base/json.ts";
import type { Plan, Refusal } from "../plan/plan.ts";
import { clusterOf } from "../system/names.ts";
import type { Cluster, System } from "../system/schema.ts";
import { type AnsweringNode, type ClusterFacts, type NodeFacts, primariesOf } from "./cluster-facts.ts";
import { seenOf, writesOf } from "./who-writes.ts";

/** What a planner answers; the id, the time and the incident are put on it by `plans.ts`. */
export type PlanDraft = Omit<Plan, "id" | "createdAt" | "incident">;

/** What the person, or the policy, decided beforehand. */
export type Choice = Readonly<{
  /** The node that the request is about, or that is to become the primary. */
  node?: string;
  /** `--accept-loss`: the stated loss is accepted. */
  acceptLoss: boolean;
  /** `--even-if-starting`: the primary is on its way back by itself and is to be replaced all the same. */
  evenIfStarting: boolean;
}>;

export function choiceOf(options: JsonObject | undefined, subjectNode: string | undefined): Choice {
  const named = typeof options?.node === "string" ? options.node : undefined;
  const node = named ?? subjectNode;
  return {
    ...(node === undefined ? {} : { node }),
    acceptLoss: options?.acceptLoss === true,
    evenIfStarting: options?.evenIfStarting === true,
  };
}

export function refuse(rule: string, missing: string, provide: string, accept?: string): Refusal {
  return { refused: true, rule, missing, provide, ...(accept === undefined ? {} : { accept }) };
}

/** What lets a node be worked on whose host said nothing. */
export function hostNextOf({ node, hostNext }: NodeFacts): string {
  return `${hostNext ?? `Declare \`host:\` for ${node}, and see that its machine is up.`} Then ask again.`;
}

/** A server that runs is neither stopped nor brought back because our own login is wrong. */
export function refuseLockedOut(facts: NodeFacts | undefined): Refusal | undefined {
  if (facts?.lockedOut !== true) return undefined;
  return refuse(
    "access",
    `${facts.node} runs, and refuses our login: ${facts.problem?.replace(/\.$/, "")}.`,
    `Correct the password of ${facts.node} where it is given (PGPASSWORD, ~/.pgpass, or its \`url\`), or its pg_hba.conf; then ask again.`,
  );
}

/** Beside a node that may take writes nothing is promoted: the steps would refuse it, with something changed by then. */
export function refuseUnknownWriters(beside: readonly NodeFacts[], so: string): Refusal | undefined {
  const unknown = beside.filter((one) => writesOf(seenOf(one), 0).writes === "unknown");
  if (unknown.length === 0) return undefined;
  const whys = unknown.map((one) => `${one.node}: ${one.problem ?? writesOf(seenOf(one), 0).why}`);
  return refuse(
    "unknown-writer",
    `Whether another node takes writes is not known (${whys.join("; ")}), so ${so}.`,
    `Bring ${unknown.map(({ node }) => node).join(" and ")} back, or see to it that it is down and that its host (\`host:\`) says so; then ask again.`,
  );
}

/** The primary that a plan is about which changes what it waits for. */
export function onePrimary(facts: ClusterFacts): AnsweringNode | Refusal {
  const [primary, ...others] = primariesOf(facts);
  if (primary !== undefined && others.length === 0) return primary;
  return refuse(
    "one-primary",
    primary === undefined
      ? `No primary of ${facts.cluster} answers.`
      : `${[primary, ...others].map((one) => one.node).join(" and ")} both take writes.`,
    "See `blackstart status` for what to do first.",
  );
}

/** Two managers that both promote are how two primaries come about. */
export function refuseManaged(cluster: Cluster, name: string): Refusal | undefined {
  if (cluster.manager === "none") return undefined;
  return refuse(
    "one-manager",
    `${name} is managed by ${cluster.manager}, which starts, stops and promotes its servers by itself.`,
    cluster.manager === "patroni"
      ? "Ask Patroni: `patronictl failover` or `patronictl switchover`. To act in its place, pause it (`patronictl pause`) and set `manager: none` for as long."
      : "Ask Pacemaker: `pcs resource move`. To act in its place, put it into maintenance mode and set `manager: none` for as long.",
  );
}

/** Before 13, a standby follows another primary only after a restart. */
const oldestVersion = 130_000;

export function refuseOld(version: number | undefined, node: string): Refusal | undefined {
  if (version === undefined || version >= oldestVersion) return undefined;
  return refuse(
    "version",
    `${node} runs PostgreSQL ${Math.floor(version / 10_000)}; a standby before 13 cannot follow another primary without a restart.`,
    "Fail over by hand, and upgrade: that version is past its end of life.",
  );
}

/** The cluster of a request; a wrong name throws UNKNOWN_NAME. */
export function declaredCluster(system: System, name: string): Cluster {
  return clusterOf(system, name);
}

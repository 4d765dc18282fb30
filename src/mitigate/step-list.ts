import type { JsonObject } from "../base/json.ts";
import { formatSynchronousNames } from "../drivers/postgres/synchronous-names.ts";
import type { Step } from "../plan/plan.ts";
import type { Reference } from "../plan/references.ts";
import type { Cluster } from "../system/schema.ts";
import type { AnsweringNode } from "./cluster-facts.ts";
import { type Outage, outageParameter } from "./outage.ts";
import { isNamed, type Member, type Promised, promiseUnder } from "./promise.ts";

/** A node's name, or the earlier step that finds it out. */
export type NodeReference = string | Reference;

export const electedNode: NodeReference = { from: "elect", field: "node" };

/** What the fence, or the stop that stands in its place, left of the old primary; see `refusedUnlessFenced`. */
export const fencedControl: Reference = { from: "fence", field: "control" };
export const stoppedControl: Reference = { from: "hand-over", field: "control" };

/** The timeline of the node to be promoted, when it was elected; see `refusedUnlessElected`. */
export const electedTimeline: Reference = { from: "elect", field: "timeline" };
export const stoppedTimeline: Reference = { from: "hand-over", field: "timeline" };

/** So long may it take to copy or rewind a large database, or to replay what a late standby holds. */
const longWorkTimeoutMs = 24 * 60 * 60_000;

/** The steps of which the plans are made; the handlers of the same kinds are in `steps/`. */
/**
 * @param how.keeps the primary that remains, where there are two; otherwise nobody may take writes when it is carried out
 * @param how.outage what was seen of the node: had it run since, the plan would be for another outage
 */
export function fenceStep(cluster: string, node: string, how: Readonly<{ keeps?: string; outage?: Outage }>): Step {
  const { keeps, outage } = how;
  return {
    id: "fence",
    kind: "postgres.fence",
    title: `Make sure that ${node} takes no more writes, and cannot come back as a primary`,
    parameters: {
      cluster,
      node,
      ...(keeps === undefined ? {} : { keeps }),
      ...(outage === undefined ? {} : { outage: outageParameter(outage) }),
    },
    destructive: true,
    ...(keeps === undefined ? { takenBackBy: `blackstart mitigate unfence ${cluster}/${node}` } : {}),
  };
}

export function checkpointStep(cluster: string, node: string): Step {
  return {
    id: "checkpoint",
    kind: "postgres.checkpoint",
    title: `Write a checkpoint on ${node}, so that it stops quickly`,
    parameters: { cluster, node },
  };
}

/**
 * The promise is kept, where there is one. Where there is none, a setting that a standby has left over from another time
 * must not make the writes hang once it is the primary.
 * @param how.among before the promotion: of these, those that answer then; without: as it is meant, once they stream
 * @param how.seen what a primary that no step of this plan promotes has set
 */
export function promiseSteps(
  cluster: string,
  node: NodeReference,
  promised: Promised,
  { among, ...seen }: Readonly<{ among?: readonly AnsweringNode[]; seen?: string }>,
): readonly Step[] {
  const isLeftOver = among?.some((one) => one.observation.settings.synchronousStandbyNames !== "") ?? false;
  if (promised.count < 1 && !isLeftOver) return [];
  return [
    among === undefined
      ? {
          ...setSynchronousStep("set-synchronous-as-meant", cluster, node, promised, { when: "as-meant", ...seen }),
          title: "Let the primary wait for its standbys as it is meant to",
          onFailure: "continue",
        }
      : {
          ...setSynchronousStep("set-synchronous", cluster, node, promised, {
            when: "before-promotion",
            among: among.map((one) => one.node),
          }),
          title: "Let the new primary wait for the remaining standbys from its first write on",
          undoable: true,
        },
  ];
}

/** Before and after, for the person who decides. */
export function promiseStatement(before: string, after: string): string {
  return `synchronous_standby_names: '${before}' → '${after}'.`;
}

/** What the promise becomes under that primary. */
export function promisedStatements(promised: Promised, primary: string): readonly string[] {
  if (promised.count < 1) return [];
  const { method, count, names } = promised;
  const after = formatSynchronousNames(promiseUnder(promised, primary));
  return [
    `With ${primary} as the primary, ${promiseStatement(formatSynchronousNames({ method, count, names }), after)}`,
  ];
}

export function setSynchronousStep(
  id: string,
  cluster: string,
  node: NodeReference,
  promised: Promised,
  how: Readonly<{ when: "before-promotion" | "as-meant" | "degraded"; among?: readonly string[]; seen?: string }>,
): Step {
  return {
    id,
    kind: "postgres.set-synchronous",
    title: "",
    parameters: { cluster, node, ...how, ...promisedParameters(promised) },
  };
}

function promisedParameters(promised: Promised): JsonObject {
  const { count, method, names, members, old } = promised;
  return { count, method, names, members: members.map((one: Member) => ({ ...one })), old };
}

/**
 * @param election what it was decided on; `old`: the primary that an earlier step has fenced, and what that left of it
 * @param known who that will be, where only one can be elected
 */
export function promoteStep(
  cluster: string,
  node: NodeReference,
  election: Readonly<{
    timeline: Reference;
    timelines: Readonly<Record<string, number>>;
    old?: string;
    fenced?: Reference;
  }>,
  known = typeof node === "string" ? node : undefined,
): Step {
  return {
    id: "promote",
    kind: "postgres.promote",
    title: known === undefined ? "Promote the standby that has received most" : `Promote ${known}`,
    // A standby that replays late has to replay all of it; the step itself sees whether that goes on.
    parameters: { cluster, node, ...election, timeoutMs: longWorkTimeoutMs },
    destructive: true,
  };
}

export function followStep(cluster: string, primary: NodeReference, nodes: readonly string[]): Step {
  return {
    id: "follow",
    kind: "postgres.follow",
    title: `Let the other standbys (of ${nodes.join(", ")}) follow the new primary`,
    parameters: { cluster, primary, nodes },
    onFailure: "continue",
  };
}

/** A way for clients that is not ours to move is a step of its own, which always ends as not done: it is the person's. */
export function clientSteps(name: string, cluster: Cluster, primary: NodeReference): readonly Step[] {
  const clients = cluster.clients ?? {};
  const steps: Step[] = [];
  if (clients.file !== undefined)
    steps.push({
      id: "move-clients",
      kind: "clients.move",
      title: `Point the clients to the new primary, in ${clients.file}`,
      parameters: { cluster: name, primary },
    });
  const byHand = handMoved(cluster);
  if (byHand.length > 0)
    steps.push({
      id: "move-clients-by-hand",
      kind: "clients.by-hand",
      title: `Left to you: point ${byHand.join(", ")} to the new primary`,
      parameters: { cluster: name, primary, ways: byHand },
      onFailure: "continue",
    });
  return steps;
}

/** The ways by which clients find the primary that Blackstart does not move. */
function handMoved(cluster: Cluster): readonly string[] {
  const { vip, pgbouncer, haproxy, patroni } = cluster.clients ?? {};
  return [
    ...(vip === undefined ? [] : [`the virtual address ${vip}`]),
    ...(pgbouncer === undefined ? [] : [`PgBouncer (${pgbouncer})`]),
    ...(haproxy === undefined ? [] : [`HAProxy (${haproxy})`]),
    ...(patroni === true ? ["Patroni's clients"] : []),
  ];
}

/** What a person has to know of the clients before it begins. */
export function clientStatements(cluster: Cluster): readonly string[] {
  const byHand = handMoved(cluster);
  if (byHand.length > 0)
    return [`You need to point ${byHand.join(", ")} to the new primary by hand, when the plan says so.`];
  if (cluster.clients?.file !== undefined) return [];
  return ["The clients are not moved: blackstart.yaml does not say how they find the primary (`clients:`)."];
}

/** @param lowers the plan itself set for whom commits wait, and may take it back */
export function verifyWriteStep(
  name: string,
  cluster: Cluster,
  primary: NodeReference,
  waitsFor: number,
  lowers = false,
): Step {
  return {
    id: "verify-write",
    kind: "clients.verify-write",
    title: titleOfWrite(cluster),
    parameters: { cluster: name, primary, waitsFor, ...(lowers ? { lowers } : {}) },
  };
}

/** Only the address in the file can be gone through; a write to the primary says nothing of the other ways to it. */
function titleOfWrite(cluster: Cluster): string {
  const file = cluster.clients?.file;
  if (file === undefined) return "Prove by a write to the primary itself that it takes writes";
  return handMoved(cluster).length === 0
    ? "Prove by a write, through the clients' own path, that the service works"
    : `Prove by a write, through the address in ${file}, that the primary takes writes`;
}

export function keepStep(cluster: string, node: string): Step {
  return {
    id: `keep-${node}`,
    kind: "host.keep",
    title: `Keep the write-ahead log and the data of ${node}: the only record of what only it had`,
    parameters: { cluster, node, timeoutMs: longWorkTimeoutMs },
    onFailure: "continue",
  };
}

/** @param promised where it names the node, that is to stream from the primary itself, unless the file says otherwise */
export function rejoinStep(cluster: string, node: string, primary: NodeReference, promised?: Promised): Step {
  const direct = promised !== undefined && isNamed(promised, node);
  return {
    id: `rejoin-${node}`,
    kind: "postgres.rejoin",
    title: `Bring ${node} back as a standby`,
    parameters: { cluster, node, primary, timeoutMs: longWorkTimeoutMs, ...(direct ? { direct } : {}) },
    destructive: true,
    onFailure: "continue",
  };
}

/**
 * The standbys that are to follow already. Which of them is promoted may not be known yet: its step finds nothing to do.
 * @param known who is promoted, where only one can be
 */
export function strayStandbySteps(
  cluster: string,
  standbys: readonly string[],
  primary: NodeReference,
  promised: Promised,
  known: string | undefined,
): readonly Step[] {
  if (standbys.length < 2) return [];
  return standbys
    .filter((node) => node !== known)
    .map((node) => ({
      ...rejoinStep(cluster, node, primary, promised),
      title: `Bring ${node} back as a standby, should it not follow by itself`,
    }));
}

export function verifyPromiseStep(
  cluster: string,
  primary: NodeReference,
  promised: Promised,
  nodes: readonly string[],
): Step {
  return {
    id: "verify",
    kind: "postgres.verify-promise",
    title: `See that there is one primary, ${followText(primary, nodes)}that it waits for standbys as promised`,
    parameters: { cluster, primary, count: promised.count, nodes },
    onFailure: "continue",
  };
}

/** Only of those that the step looks at. */
function followText(primary: NodeReference, nodes: readonly string[]): string {
  const others = nodes.filter((node) => node !== primary);
  if (others.length === 0) return "and ";
  if (typeof primary !== "string") return `that the others of ${nodes.join(", ")} stream from it, and `;
  return `that ${others.join(" and ")} ${others.length === 1 ? "streams" : "stream"} from it, and `;
}

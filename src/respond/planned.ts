import { type Finding, refText } from "../finding/finding.ts";
import type { PlanEvent } from "../plan/events.ts";
import type { Plan } from "../plan/plan.ts";
import type { System } from "../system/schema.ts";
import type { Event } from "../timeline/timeline.ts";
import { relationOf, scopeOf } from "./relation.ts";

/*
 * The window of a planned change: while a switchover or a restart is carried out, it is no outage that its cluster has no
 * primary for a moment. The plan itself declares the window; it ends with the plan.
 */

const plannedKinds: ReadonlySet<string> = new Set(["switchover", "restart"]);

/** What such a plan brings about in its cluster, and in what needs that. */
const ofCluster: ReadonlySet<string> = new Set(["cluster.no-primary", "cluster.down", "cluster.primary-unknown"]);
/** At a node that it works on. */
const ofNode: ReadonlySet<string> = new Set(["node.down", "node.starting", "node.hanging", "node.access-refused"]);
/** At any node of the cluster, which has to follow another primary. */
const ofStandby: ReadonlySet<string> = new Set([
  "replication.not-streaming",
  "replication.other-timeline",
  "replication.follows-nobody",
  "replication.lag",
  "replication.synchronous-missing",
]);
const ofDependant: ReadonlySet<string> = new Set(["service.down", "clients.misdirected", "clients.unreachable"]);

/** Whether it is explained by this plan while that is carried out. Two primaries never are. */
export function isExplained(system: System, plan: Plan, { code, subject }: Pick<Finding, "code" | "subject">): boolean {
  const relation = relationOf(system, subject, scopeOf(plan.subject));
  if (relation === "effect") return ofDependant.has(code);
  if (relation !== "same") return false;
  if (ofCluster.has(code) || ofStandby.has(code) || ofDependant.has(code)) return true;
  return ofNode.has(code) && subject.kind === "node" && worksOn(plan, subject.name);
}

function worksOn(plan: Plan, name: string): boolean {
  const [cluster, node] = name.split("/");
  if (refText(plan.subject) === refText({ kind: "node", name })) return true;
  return plan.steps.some(
    ({ kind, parameters }) => stopping.has(kind) && parameters.cluster === cluster && parameters.node === node,
  );
}

/** Steps that stop their node, or start it. */
const stopping: ReadonlySet<string> = new Set(["postgres.hand-over", "postgres.stop", "postgres.start"]);

/**
 * The planned changes that have begun and not ended, by their stream; and of each subject the last that came to its end.
 * @property endedAt ISO 8601
 */
export type Planned = ReadonlyMap<string, Readonly<{ plan: Plan; isRunning: boolean; endedAt?: string }>>;

export function plannedAfter(known: Planned, event: Event): Planned {
  const said = event as unknown as PlanEvent;
  if (said.kind === "plan.stored") {
    const { plan } = said.data;
    return plannedKinds.has(plan.kind) ? new Map(known).set(event.stream, { plan, isRunning: false }) : known;
  }
  const of = known.get(event.stream);
  if (of === undefined) return known;
  switch (said.kind) {
    case "plan.started":
    case "plan.resumed":
      return new Map(known).set(event.stream, { ...of, isRunning: true });
    case "plan.finished": {
      const subject = refText(of.plan.subject);
      const others = [...known].filter(
        ([, { plan, endedAt }]) => endedAt === undefined || refText(plan.subject) !== subject,
      );
      return new Map(others).set(event.stream, { plan: of.plan, isRunning: false, endedAt: event.at });
    }
    case "plan.stopped":
    case "plan.discarded": {
      const left = new Map(known);
      left.delete(event.stream);
      return left;
    }
    default:
      return known;
  }
}

import type { Instant } from "../base/time.ts";
import type { PlanRequest } from "../plan/plan.ts";

export type Severity = "critical" | "warning" | "info";

/**
 * What a finding or a plan is about. Names inside a cluster are written `cluster/node`.
 * As text: `node:ledger/pg1`.
 */
export type Ref = Readonly<{
  kind: "system" | "cluster" | "node" | "cache" | "service" | "invariant" | "incident";
  name: string;
}>;

/** One thing that was seen. `value` is shown as it stands; it never holds a secret. */
export type Evidence = Readonly<{ label: string; value: string }>;

/**
 * Something that is wrong, or would be. Everything that looks answers with these.
 * Two findings with the same code and subject are the same finding, seen again; see `findingKey`.
 */
export type Finding = Readonly<{
  /** Permanent, dotted, of the check that found it: `replication.synchronous-missing`. */
  code: string;
  severity: Severity;
  subject: Ref;
  /** One sentence that a person woken at 3 am understands. */
  title: string;
  evidence: readonly Evidence[];
  /** What would put it right, where Blackstart can plan it. */
  remedy?: PlanRequest;
  seenAt: Instant;
  /** The last good observation before this one. Where it is known, the outage began then. */
  lastGoodAt?: Instant;
}>;

export function refText(ref: Ref): string {
  return `${ref.kind}:${ref.name}`;
}

export function refFromText(text: string): Ref {
  const colon = text.indexOf(":");
  return { kind: text.slice(0, colon) as Ref["kind"], name: text.slice(colon + 1) };
}

/** What makes two findings one: the code and the subject. */
export function findingKey(finding: Pick<Finding, "code" | "subject">): string {
  return `${finding.code} ${refText(finding.subject)}`;
}

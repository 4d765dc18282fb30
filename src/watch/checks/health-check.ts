import type { Evidence, Severity } from "../../finding/finding.ts";
import type { PlanRequest } from "../../plan/plan.ts";
import type { NodeFacts } from "../facts.ts";
import type { Thresholds, ThresholdName } from "../../system/thresholds.ts";
import type { ClusterView } from "../assess/view.ts";

export type Row = Readonly<Record<string, unknown>>;

/** `severities`: how grave it may be, the least first; `when`: in which case, in words. */
export type Finds = Readonly<{ severities: readonly Severity[]; when: string }>;

/**
 * One health check: a query that only looks, and a pure judgement on its rows.
 *
 * - The query works on PostgreSQL 13 to 18, with a role that has pg_monitor and nothing more, and takes milliseconds; it
 *   runs with a statement and a lock time-out on the connection that also carries the heartbeat.
 * - It brings what is judged, not the whole table: at most some hundred rows.
 * - No evidence holds the text of a user's query: that may hold a secret.
 */
export type HealthCheck = Readonly<{
  /** `connections` */
  name: string;
  /** Everything that it may find, by code. The reference page is made of it; a test holds the findings against it. */
  finds: Readonly<Record<string, Finds>>;
  /** For the reference page: what it looks at, and what to do about what it finds. */
  title: string;
  advice: string;
  appliesTo: "primary" | "standby" | "every";
  thresholds: readonly ThresholdName[];
  query(version: number): string;
  judge(rows: readonly Row[], context: CheckContext): readonly Judgement[];
  /** What it finds stays true while the server is down (a setting, a damaged file); otherwise it is dropped then. */
  outlivesServer?: boolean;
  /** Looks at all nodes of a cluster together, for differences between them. */
  compare?(nodes: readonly { one: NodeFacts; rows: readonly Row[] }[], view: ClusterView): readonly Judgement[];
}>;

export type CheckContext = Readonly<{ one: NodeFacts; view: ClusterView; thresholds: Thresholds }>;

/** What a check found on its node; of the cluster, where it comes from `compare`. */
export type Judgement = Readonly<{
  code: string;
  severity: Severity;
  title: string;
  evidence: readonly Evidence[];
  remedy?: PlanRequest;
}>;

/** A number from a row; bigint and numeric come as text. NaN where there is none: no comparison with it is true. */
export function numberIn(row: Row, column: string): number {
  const value = row[column];
  return value === null || value === undefined ? Number.NaN : Number(value);
}

export function textIn(row: Row, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? "" : String(value);
}

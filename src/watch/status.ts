import type { Clock, Instant } from "../base/time.ts";
import { conditionWords } from "./assess/words.ts";
import type { NodeCondition, NodeFacts } from "./facts.ts";

/** How a node is, for `blackstart status` and the API. */
export type NodeStatus = Readonly<{
  cluster: string;
  node: string;
  condition: NodeCondition["kind"];
  /** In words. */
  seen: string;
  since: Instant;
  role: "primary" | "standby" | null;
  version: number | null;
  timelineId: number | null;
  lsn: string | null;
  /** Of a standby: how old its data is, in milliseconds. */
  replayDelayMs: number | null;
  /** Of the last answers: the median, in milliseconds. */
  latencyMs: number | null;
  lastGoodAt: Instant | null;
  /** How long ago that was, in milliseconds of the monotonic clock. */
  lastGoodAgeMs: number | null;
}>;

export function statusOf(one: NodeFacts, clock: Clock): NodeStatus {
  return {
    cluster: one.cluster,
    node: one.node,
    condition: one.condition.kind,
    seen: conditionWords(one),
    since: one.since.at,
    role: one.pulse?.role ?? null,
    version: one.identity?.version ?? null,
    timelineId: one.pulse?.timelineId ?? null,
    lsn: one.pulse?.lsn ?? null,
    replayDelayMs: one.replayDelayMs ?? null,
    latencyMs: one.latency.lastMs,
    lastGoodAt: one.lastGood?.at ?? null,
    lastGoodAgeMs: one.lastGood === undefined ? null : clock.monotonicMs() - one.lastGood.ms,
  };
}

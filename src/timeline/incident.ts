import type { JsonObject } from "../base/json.ts";
import type { Instant } from "../base/time.ts";
import type { Finding, Ref, Severity } from "../finding/finding.ts";

/**
 * The incident's vocabulary: events in the stream `incident/<id>`. It stands here because every act speaks it and no
 * act may know another: they meet in the timeline.
 *
 *   open ─(acknowledged)─► open ─(mitigated)─► mitigated ─(resolved)─► resolved
 *    ▲                                            │
 *    └──────────────(recurred)────────────────────┘
 */
export type IncidentEvent =
  | {
      kind: "incident.opened";
      data: {
        title: string;
        severity: Severity;
        subject: Ref;
        findings: readonly Finding[];
        outageStart: Instant | null;
      };
    }
  | { kind: "incident.finding-raised"; data: { finding: Finding } }
  | { kind: "incident.finding-cleared"; data: { code: string; subject: Ref } }
  /** It is named after something else: a wider cause, what is worse, or what is left. */
  | { kind: "incident.retitled"; data: { title: string; subject: Ref } }
  | { kind: "incident.acknowledged"; data: { who: string } }
  | { kind: "incident.assigned"; data: { who: string; role: string } }
  | { kind: "incident.severity-set"; data: { severity: Severity; reason: string } }
  | { kind: "incident.noted"; data: { text: string } }
  | { kind: "incident.hypothesis-raised"; data: { hypothesis: string; text: string } }
  | { kind: "incident.hypothesis-evidence"; data: { hypothesis: string; for: boolean; text: string } }
  | { kind: "incident.hypothesis-ruled-out"; data: { hypothesis: string; evidence: string } }
  | { kind: "incident.hypothesis-confirmed"; data: { hypothesis: string; evidence: string } }
  /** `causes`: the codes of the findings that asked for it; none where a person did. */
  | {
      kind: "incident.plan-proposed";
      data: { plan: string; planKind: string; title: string; causes?: readonly string[] };
    }
  | { kind: "incident.plan-ended"; data: { plan: string; planKind: string; outcome: string; state: string } }
  /** The service works again. `how`: in words. */
  | { kind: "incident.mitigated"; data: { how: string } }
  /** What was wrong is wrong again, soon after: nobody is paged a second time. */
  | { kind: "incident.recurred"; data: { findings: readonly Finding[] } }
  /** What the outage cost, as counted by a service. */
  | {
      kind: "incident.impact-measured";
      data: { service: string; requests: number; failed: number; from: Instant; to: Instant };
    }
  /** An act's result that belongs to the story: rows repaired, cache entries removed, transactions in flight. */
  | { kind: "incident.recovery-recorded"; data: { act: string; summary: string; figures: JsonObject } }
  /** Data, caches, alerts and workarounds are settled. */
  | { kind: "incident.recovered"; data: { summary: string } }
  | { kind: "incident.resolved"; data: { resolution: string } }
  | { kind: "incident.postmortem-drafted"; data: { path: string } };

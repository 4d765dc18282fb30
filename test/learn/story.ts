import type { Event } from "../../src/timeline/timeline.ts";
import { memoryTimeline } from "../respond/memory-timeline.ts";
import { at, finding } from "../respond/world.ts";

export const down = finding("node.down", "node:ledger/pg1", {
  title: "The primary pg1 is down.",
  seenAt: at(12.345),
  lastGoodAt: at(12.333),
});
const api = finding("service.down", "service:api", { title: "api answers 503.", seenAt: at(13) });
const subject = { kind: "cluster", name: "ledger" };
const plan = {
  id: "failover-ledger-k3f",
  kind: "failover",
  subject,
  incident: "20261120-0307-ledger",
  because: ["pg1 is dead: its postmaster is gone."],
  risk: { lossBytes: 0, lossSeconds: 0, downtimeSeconds: 1, statements: ["No acknowledged write can be lost."] },
  steps: [
    { id: "fence", kind: "postgres.fence", title: "See that pg1 is dead", parameters: {} },
    { id: "promote", kind: "postgres.promote", title: "Promote pg2", parameters: {}, destructive: true },
    { id: "rejoin", kind: "postgres.rejoin", title: "Bring pg1 back", parameters: {}, onFailure: "continue" },
  ],
  createdAt: at(12.4),
};

type Said = readonly [seconds: number, stream: string, by: string, kind: string, data: object];
const incident = "incident/20261120-0307-ledger";
const plans = "plan/failover-ledger-k3f";
const hostile =
  "see [here](http://evil.example) <script>alert(1)</script> | `x` **bold**\n# not a heading postgres://ada:hunter2/x@10.0.0.1/ledger";

/** One outage with everything in it. */
const said: readonly Said[] = [
  [
    12.35,
    incident,
    "watch",
    "incident.opened",
    { title: down.title, severity: "critical", subject, findings: [down], outageStart: at(12.333) },
  ],
  [12.4, plans, "auto", "plan.stored", { plan }],
  [12.41, incident, "auto", "incident.plan-proposed", { plan: plan.id, planKind: "failover", title: "Promote pg2" }],
  [13, incident, "watch", "incident.finding-raised", { finding: api }],
  [20, incident, "person:ada", "incident.acknowledged", { who: "ada" }],
  [25, incident, "person:ada", "incident.noted", { text: hostile }],
  [30, incident, "person:ada", "incident.hypothesis-raised", { hypothesis: "h1", text: "the network" }],
  [
    31,
    incident,
    "person:bob",
    "incident.hypothesis-raised",
    { hypothesis: "h2", text: "the machine ran out of memory" },
  ],
  [40, incident, "person:ada", "incident.hypothesis-ruled-out", { hypothesis: "h1", evidence: "pg2 and pg3 answer" }],
  [
    41,
    incident,
    "person:bob",
    "incident.hypothesis-evidence",
    { hypothesis: "h2", for: true, text: "dmesg: oom-kill" },
  ],
  [50, plans, "person:ada", "plan.approved", { how: "person" }],
  [50.1, plans, "executor", "plan.started", { token: 1, executor: "host 4711" }],
  [50.1, plans, "executor", "step.intended", { step: "fence" }],
  [50.2, plans, "executor", "step.done", { step: "fence", already: true, outcome: {}, tookMs: 3 }],
  [50.2, plans, "executor", "step.intended", { step: "promote" }],
  [
    50.3,
    plans,
    "executor",
    "step.done",
    { step: "promote", already: false, outcome: { node: "pg2", timeline: 2 }, tookMs: 21.4 },
  ],
  [50.35, incident, "watch", "incident.finding-cleared", { code: api.code, subject: api.subject }],
  [50.35, incident, "watch", "incident.finding-cleared", { code: down.code, subject: down.subject }],
  [
    50.35,
    incident,
    "watch",
    "incident.mitigated",
    { how: "while plan failover-ledger-k3f (failover) was being carried out" },
  ],
  [50.4, plans, "executor", "step.intended", { step: "rejoin" }],
  [
    51,
    plans,
    "executor",
    "step.failed",
    { step: "rejoin", code: "HOST_COMMAND_FAILED", message: "pg_rewind failed.", why: "No space.", next: "Free some." },
  ],
  [51.1, plans, "executor", "plan.finished", { outcome: "done-with-failures" }],
  [
    51.2,
    incident,
    "executor",
    "incident.plan-ended",
    { plan: plan.id, planKind: "failover", outcome: "done-with-failures", state: "pg2 is primary" },
  ],
  [
    60,
    incident,
    "person:ada",
    "incident.impact-measured",
    { service: "api", requests: 3456, failed: 12, from: at(12), to: at(51) },
  ],
  [
    70,
    incident,
    "person:ada",
    "incident.recovery-recorded",
    {
      act: "invariants",
      summary: "2 transfers were half done and are repaired.",
      figures: { violations: 2, repaired: 2 },
    },
  ],
  [80, incident, "person:ada", "incident.recovered", { summary: "Ledger and cache agree again." }],
  [900, incident, "person:ada", "incident.resolved", { resolution: "The machine has more memory now." }],
];

/** As many as are asked for, of the beginning. */
export async function storyTimeline(count = said.length) {
  const timeline = memoryTimeline();
  const stored: Event[] = [];
  for (const [seconds, stream, by, kind, data] of said.slice(0, count))
    stored.push(
      ...(await timeline.append(stream, "any", [
        { at: at(seconds), by, kind, data: JSON.parse(JSON.stringify(data)) },
      ])),
    );
  return timeline;
}

export const storyLength = said.length;

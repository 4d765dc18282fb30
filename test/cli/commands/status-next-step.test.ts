import assert from "node:assert/strict";
import { test } from "node:test";
import { nextStep } from "../../../src/cli/commands/status/next-step.ts";
import type { StatusLook } from "../../../src/cli/commands/status/look.ts";
import type { Finding } from "../../../src/finding/finding.ts";

type Facts = Parameters<typeof nextStep>[0];
const quiet = {
  system: { invariants: {}, caches: {} },
  findings: [],
  incidents: [],
  plans: [],
  up: {},
} as unknown as Facts;
const noPrimary = {
  code: "cluster.no-primary",
  severity: "critical",
  subject: { kind: "cluster", name: "ledger" },
  remedy: { kind: "failover", subject: { kind: "cluster", name: "ledger" } },
} as unknown as Finding;
const twoPrimaries = {
  ...noPrimary,
  code: "roles.two-primaries",
  remedy: { kind: "demote", subject: { kind: "node", name: "ledger/pg1" } },
} as unknown as Finding;
const strays = {
  code: "replication.not-streaming",
  severity: "warning",
  title: "",
  subject: { kind: "node", name: "ledger/pg3" },
  remedy: { kind: "rejoin", subject: { kind: "node", name: "ledger/pg3" } },
} as unknown as Finding;
const incident = (status: string, more: object = {}) =>
  ({ id: "i1", status, people: [], recovery: [], open: [], ...more }) as unknown as StatusLook["incidents"][number];
const plan = (state: string, more: object = {}) =>
  ({ id: "p1", state, plan: { incident: "i1" }, ...more }) as unknown as StatusLook["plans"][number];

const table: [string, Partial<Facts>, string | undefined][] = [
  ["nothing is wrong and it is watched", {}, undefined],
  ["nothing watches", { up: undefined }, "blackstart up"],
  [
    "an interrupted plan comes first",
    {
      plans: [plan("proposed"), plan("interrupted", { id: "p2" })],
      findings: [noPrimary],
      incidents: [incident("open")],
    },
    "blackstart plan resume p2",
  ],
  ["a running plan is followed", { plans: [plan("running")], findings: [noPrimary] }, "blackstart plan show p1"],
  [
    "a proposed plan of an open incident waits for approval",
    { plans: [plan("proposed")], incidents: [incident("open")], findings: [noPrimary] },
    "blackstart plan resume p1",
  ],
  [
    "of several, the one for what is worst",
    {
      plans: [
        plan("proposed", { plan: { incident: "i1", ...noPrimary.remedy } }),
        plan("proposed", {
          id: "p2",
          plan: { incident: "i1", kind: "rejoin", subject: { kind: "node", name: "ledger/pg2" } },
        }),
      ],
      incidents: [incident("open")],
      findings: [noPrimary],
    },
    "blackstart plan resume p1",
  ],
  [
    "it works again: what is left to be put right comes before the incident is resolved",
    { plans: [plan("proposed")], incidents: [incident("mitigated")] },
    "blackstart plan resume p1",
  ],
  [
    "a proposed plan of a resolved incident does not",
    { plans: [plan("proposed")], incidents: [incident("resolved")] },
    undefined,
  ],
  [
    "the remedy of the worst finding",
    { findings: [noPrimary], incidents: [incident("open")] },
    "blackstart mitigate failover ledger",
  ],
  [
    "two primaries, and nobody knows which one is stale: the choices come before who has it",
    { findings: [{ ...twoPrimaries, remedy: undefined } as never], incidents: [incident("open")] },
    "blackstart mitigate demote",
  ],
  [
    "two primaries, and one is stale",
    { findings: [twoPrimaries], incidents: [incident("open")] },
    "blackstart mitigate demote ledger/pg1",
  ],
  ["nobody has it", { incidents: [incident("open")] }, "blackstart incident ack i1"],
  [
    "who is the primary cannot be told: nothing is known to work again",
    {
      incidents: [incident("mitigated")],
      findings: [{ ...noPrimary, code: "cluster.primary-unknown", severity: "warning" }],
    },
    "blackstart check",
  ],
  [
    "it works again: the data is looked at",
    { incidents: [incident("mitigated")], system: { invariants: { pairs: {} }, caches: {} } as never },
    "blackstart recover invariants",
  ],
  [
    "then the caches",
    {
      incidents: [incident("mitigated", { recovery: [{ act: "invariants" }] })],
      system: { invariants: { pairs: {} }, caches: { balances: { entries: [{}] } } } as never,
    },
    "blackstart recover cache",
  ],
  [
    "then what is left to be put right",
    { incidents: [incident("mitigated")], findings: [strays] },
    "blackstart mitigate rejoin ledger/pg3",
  ],
  ["a standby that does not follow, and no incident", { findings: [strays] }, "blackstart mitigate rejoin ledger/pg3"],
  [
    "it is asked for before somebody watches",
    { findings: [strays], up: undefined },
    "blackstart mitigate rejoin ledger/pg3",
  ],
  ["then it is resolved", { incidents: [incident("mitigated")] }, 'blackstart incident resolve i1 "what put it right"'],
];

for (const [name, facts, command] of table) {
  test(`next: ${name}`, () => assert.equal(nextStep({ ...quiet, ...facts })?.command, command));
}

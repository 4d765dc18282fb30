import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/finding/finding.ts";
import { askedFor, changedNothing, inTheWayText, type Known } from "../../src/mitigate/autopilot-asked.ts";
import { answersRemedy } from "../../src/plan/answers.ts";
import { mootReason } from "../../src/plan/moot.ts";
import type { Plan, PlanRequest } from "../../src/plan/plan.ts";
import type { PlanStatus, StepStatus } from "../../src/plan/status.ts";
import type { IncidentState } from "../../src/timeline/incident-state.ts";
import { planOf, step } from "../plan/effects.ts";
import { findingOf } from "./autopilot-world.ts";

/* What the plans of an incident mean for a remedy, by the table. */

const at = "2026-11-20T03:07:12.345Z";
const later = "2026-11-20T03:09:00.000Z";
const policy = { by: "auto", how: "policy", at } as const;
const person = { by: "person:kat", how: "person", at } as const;

const done = (already = false): StepStatus => ({
  step: step("s1"),
  state: "done",
  at,
  already,
  outcome: {},
  tookMs: 1,
});
const failed = (code: string): StepStatus => ({
  step: step("s2"),
  state: "failed",
  at,
  code,
  message: "",
  why: "",
  next: "",
});
const pending: StepStatus = { step: step("s3"), state: "pending" };

function statusOf(kind: string, subject: Plan["subject"], more: Partial<PlanStatus> = {}): PlanStatus {
  const plan = { ...planOf("p1", [step("s1"), step("s2"), step("s3")], subject), kind };
  const ran = { approved: policy, startedAt: at, steps: [done(), failed("STEP_FAILED"), pending] };
  return { id: "p1", plan, state: "stopped", version: 1, proposedBy: "auto", ...ran, ...more };
}

const cluster = { kind: "cluster", name: "ledger" } as const;
const node = (name: string) => ({ kind: "node", name: `ledger/${name}` }) as const;
const known = (status: PlanStatus, causes: readonly string[] = ["cause"]): Known => ({
  told: { ended: null, causes },
  status,
});

function decide(remedy: PlanRequest, status: PlanStatus, seenAt = at) {
  const asking: Finding = { ...findingOf("cause", remedy.kind), seenAt };
  return askedFor([asking], remedy, [known(status)]);
}

const failover: PlanRequest = { kind: "failover", subject: cluster };
const proposal: Partial<PlanStatus> = { state: "proposed", steps: [pending] };
const { approved: _, startedAt: _startedAt, ...unbegun } = statusOf("failover", cluster, proposal);
const refusedFirst = { steps: [failed("REFUSED"), pending] };

const cases: Readonly<Record<string, readonly [PlanRequest, PlanStatus, string, seenAt?: string]>> = {
  "one that stopped half-way is a try": [failover, statusOf("failover", cluster), "tries: 1"],
  "one that was refused before it changed anything is none": [
    failover,
    statusOf("failover", cluster, refusedFirst),
    "tries: 0",
  ],
  "one that found its first step done, and was refused then, is none": [
    failover,
    statusOf("failover", cluster, { steps: [done(true), failed("REFUSED"), pending] }),
    "tries: 0",
  ],
  "one that was refused after a change is a try": [
    failover,
    statusOf("failover", cluster, { steps: [done(), failed("REFUSED"), pending] }),
    "tries: 1",
  ],
  "one that ran because a person said so is none": [
    failover,
    statusOf("failover", cluster, { approved: person }),
    "tries: 0",
  ],
  "one that is interrupted is in the way": [
    failover,
    statusOf("failover", cluster, { state: "interrupted", approved: person }),
    "in the way",
  ],
  "a proposal is in the way": [failover, unbegun, "in the way"],
  "one that a person has stopped leaves it to the person": [
    failover,
    statusOf("failover", cluster, { stopRequested: { by: "person:kat", reason: "" } }),
    "over",
  ],
  "one that made way does not count as a try": [
    failover,
    statusOf("failover", cluster, { stopRequested: { by: "executor", reason: "" } }),
    "tries: 0",
  ],
  "a proposal of ours that a person put aside leaves it to the person": [
    failover,
    { ...unbegun, state: "discarded", endedAt: at, discarded: { by: "person:kat", reason: "" } },
    "over",
  ],
  "the same, and it was seen anew": [
    failover,
    { ...unbegun, state: "discarded", endedAt: at, discarded: { by: "person:kat", reason: "" } },
    "tries: 0",
    later,
  ],
  "a person's plan that was put aside is out of the way": [
    failover,
    { ...unbegun, state: "discarded", proposedBy: "person:kat", discarded: { by: "person:kat", reason: "" } },
    "tries: 0",
  ],
  "the rejoin of one node is no try of another's": [
    { kind: "rejoin", subject: node("pg3") },
    statusOf("rejoin", node("pg2"), { state: "done" }),
    "tries: 0",
  ],
  "the rejoin of one node is not in the way of another's": [
    { kind: "rejoin", subject: node("pg3") },
    statusOf("rejoin", node("pg2"), proposal),
    "tries: 0",
  ],
  "it is in the way of its own": [
    { kind: "rejoin", subject: node("pg2") },
    statusOf("rejoin", node("pg2"), proposal),
    "in the way",
  ],
  "a restart of the cluster is one of its node": [
    { kind: "restart", subject: node("pg1") },
    statusOf("restart", cluster),
    "tries: 1",
  ],
  "and the other way round": [{ kind: "restart", subject: cluster }, statusOf("restart", node("pg1")), "tries: 1"],
};

for (const [what, [remedy, status, expected, seenAt]] of Object.entries(cases))
  test(`asked for: ${what}`, () => {
    const asked = decide(remedy, status, seenAt);
    const seen = asked.kind === "asked" ? `tries: ${asked.tries.length}` : asked.kind.replaceAll("-", " ");
    assert.equal(seen, expected);
  });

test("what nothing asks for is over", () => {
  assert.deepEqual(askedFor([], failover, []), { kind: "over" });
});

test("a proposal for one node is moot, whatever is asked for another", () => {
  const status = { ...unbegun, plan: { ...unbegun.plan, kind: "rejoin", subject: node("pg2") } };
  const incident = (name: string) =>
    ({ id: "i1", status: "open", open: [findingOf("cause", "rejoin", `ledger/${name}`)] }) as unknown as IncidentState;
  assert.match(mootReason(status, incident("pg3")) ?? "", /no open finding of i1 asks for it/);
  assert.equal(mootReason(status, incident("pg2")), undefined);
  assert.equal(answersRemedy(status.plan, { kind: "restart", subject: node("pg2") }), false);
});

test("nothing is taken for changed only because it was refused", () => {
  assert.equal(changedNothing(statusOf("failover", cluster, refusedFirst)), true);
  assert.equal(changedNothing(statusOf("failover", cluster, { ...refusedFirst, state: "interrupted" })), false);
});

test("of a plan in the way a person hears, unless it goes on by itself or was told before", () => {
  const interrupted = statusOf("failover", cluster, { state: "interrupted", approved: person });
  assert.match(
    inTheWayText(interrupted, false) ?? "",
    /Plan p1 of person:kat, a failover of ledger, was interrupted.*plan resume p1/,
  );
  assert.equal(inTheWayText({ ...interrupted, approved: policy }, true), undefined);
  assert.match(inTheWayText({ ...unbegun, proposedBy: "person:kat" }, false) ?? "", /of person:kat.* was proposed/);
  assert.equal(inTheWayText(unbegun, false), undefined);
  assert.equal(inTheWayText({ ...interrupted, state: "running" }, false), undefined);
});

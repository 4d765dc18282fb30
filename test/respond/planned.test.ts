import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan } from "../../src/plan/plan.ts";
import { isExplained } from "../../src/respond/planned.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { holdersOf } from "../../src/timeline/incident-people.ts";
import { listIncidents } from "../../src/timeline/incident-state.ts";
import { pollUntil } from "../../src/base/time.ts";
import { planOf, step } from "../plan/effects.ts";
import { type MemoryTimeline, memoryTimeline } from "./memory-timeline.ts";
import { at, cleared, finding, raised, system } from "./world.ts";

/* A planned change declares its own maintenance window. */

const switchover: Plan = {
  ...planOf("switchover-1", [
    step("hand-over", { kind: "postgres.hand-over", parameters: { cluster: "ledger", node: "pg1", target: "pg2" } }),
    step("promote", { kind: "postgres.promote", parameters: { cluster: "ledger", node: "pg2", old: "pg1" } }),
  ]),
  kind: "switchover",
};
const noPrimary = finding("cluster.no-primary", "cluster:ledger", { lastGoodAt: at(1) });
const down = finding("node.down", "node:ledger/pg1");

for (const [code, subject, explained] of [
  ["cluster.no-primary", "cluster:ledger", true],
  ["node.down", "node:ledger/pg1", true],
  ["node.starting", "node:ledger/pg1", true],
  ["replication.not-streaming", "node:ledger/pg3", true],
  ["service.down", "service:api", true],
  ["node.down", "node:ledger/pg2", false],
  ["node.down", "node:ledger/pg3", false],
  ["node.down", "node:archive/pg1", false],
  ["roles.two-primaries", "cluster:ledger", false],
  ["cluster.no-primary", "cluster:archive", false],
  ["invariant.violated", "invariant:debit-credit", false],
  ["disk.full", "node:ledger/pg1", false],
] as const)
  it(`a switchover from pg1 to pg2 ${explained ? "explains" : "does not explain"} ${code} of ${subject}`, () =>
    assert.equal(isExplained(system, switchover, finding(code, subject)), explained));

describe("what happens in the window of a planned change", () => {
  const clock = { now: () => at(10), ms: 0, monotonicMs: () => clock.ms };

  async function running(use: (given: { timeline: MemoryTimeline; responder: Responder; end: End }) => Promise<void>) {
    const timeline = memoryTimeline();
    const lease = await timeline.lease("cluster/ledger", 10_000);
    const by = "executor";
    await timeline.append("plan/switchover-1", "any", [
      { kind: "plan.stored", by, data: { plan: JSON.parse(JSON.stringify(switchover)) } },
      { kind: "plan.approved", by, data: { how: "person" } },
      { kind: "plan.started", by, data: { token: lease?.token ?? 0, executor: "memory" } },
    ]);
    const end: End = async (event) => {
      if (event !== undefined) await timeline.append("plan/switchover-1", "any", [{ by, ...event }]);
      await lease?.release();
    };
    const responder = createResponder({ system, timeline, clock });
    try {
      await use({ timeline, responder, end });
    } finally {
      responder.close();
    }
  }
  type Responder = ReturnType<typeof createResponder>;
  type End = (event?: {
    kind: string;
    data: { outcome?: string; step?: string; state?: string; next?: string };
  }) => Promise<void>;

  const opened = async (timeline: MemoryTimeline) => {
    const seen = await pollUntil(async () => (await listIncidents(timeline))[0], { everyMs: 10, timeoutMs: 60_000 });
    assert.ok(seen, "no incident was opened");
    return seen;
  };
  const finished = { kind: "plan.finished", data: { outcome: "done" } };

  it("nobody is called for what it brings about, and nothing ends by itself", () =>
    running(async ({ timeline, responder, end }) => {
      await responder.take(raised(noPrimary, down));
      await responder.take(cleared(noPrimary));
      await end(finished);
      await responder.take(cleared(down));
      assert.deepEqual(await listIncidents(timeline), []);
      // The watch's own record has all of it.
      assert.equal(timeline.events.filter(({ kind }) => kind.startsWith("finding.")).length, 4);
    }));

  it("what outlasts it is an outage", () =>
    running(async ({ timeline, responder, end }) => {
      await responder.take(raised(noPrimary));
      await end(finished);
      await responder.take(raised());
      assert.deepEqual(await listIncidents(timeline), [], "the watch has a moment to see the end");
      clock.ms += 10_000;
      const incident = await opened(timeline);
      assert.equal(incident.title, noPrimary.title);
      assert.equal(incident.times.outageStart, at(1));
      assert.deepEqual(holdersOf(incident), []);
    }));

  it("a finding from before the end of the plan, reported after it, opens an incident only if it persists", () =>
    running(async ({ timeline, responder, end }) => {
      await end(finished);
      await responder.take(raised(down));
      assert.deepEqual(await listIncidents(timeline), []);
      clock.ms += 10_000;
      assert.equal((await opened(timeline)).title, down.title);
    }));

  it("long after its end it explains nothing", () =>
    running(async ({ timeline, responder, end }) => {
      await end(finished);
      await responder.take({ ...raised(down), at: "2126-01-01T00:00:00.000Z" });
      assert.equal((await listIncidents(timeline)).length, 1);
    }));

  it("when it stops half-way, the incident says so", () =>
    running(async ({ timeline, responder, end }) => {
      await responder.take(raised(noPrimary));
      await end({ kind: "plan.stopped", data: { step: "promote", state: "No node takes writes.", next: "Look." } });
      const incident = await opened(timeline);
      assert.deepEqual(
        incident.plans.map(({ plan, ended }) => [plan, ended?.outcome, ended?.state]),
        [["switchover-1", "stopped", "No node takes writes."]],
      );
    }));

  it("one whose process died explains nothing", () =>
    running(async ({ timeline, responder, end }) => {
      await responder.take(raised(noPrimary));
      await end();
      await opened(timeline);
    }));

  it("what it does not explain is told at once", () =>
    running(async ({ timeline, responder }) => {
      await responder.take(raised(noPrimary, finding("node.down", "node:ledger/pg3")));
      assert.equal((await listIncidents(timeline)).length, 1);
    }));
});

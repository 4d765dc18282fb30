import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BlackstartError } from "../../src/base/error.ts";
import type { Finding } from "../../src/finding/finding.ts";
import type { IncidentEvent } from "../../src/timeline/incident.ts";
import { findIncident, incidentState, listIncidents } from "../../src/timeline/incident-state.ts";
import type { Event } from "../../src/timeline/timeline.ts";
import { memoryTimeline } from "../respond/memory-timeline.ts";

const down: Finding = {
  code: "node.down",
  severity: "critical",
  subject: { kind: "node", name: "ledger/pg1" },
  title: "The primary pg1 is down.",
  evidence: [],
  seenAt: "2026-11-20T03:07:12.345Z",
  lastGoodAt: "2026-11-20T03:07:12.333Z",
};
const lag: Finding = {
  ...down,
  code: "replication.lag",
  severity: "warning",
  lastGoodAt: "2026-11-20T01:00:00.000Z",
};
const opened: IncidentEvent = {
  kind: "incident.opened",
  data: {
    title: down.title,
    severity: "critical",
    subject: { kind: "cluster", name: "ledger" },
    findings: [down],
    outageStart: "2026-11-20T03:07:12.333Z",
  },
};

/** Events one second apart, from 03:07:13. */
function eventsOf(said: readonly IncidentEvent[], by = "person:ada"): Event[] {
  return said.map(({ kind, data }, index) => ({
    stream: "incident/20261120-0307-ledger",
    version: index + 1,
    position: index + 11,
    at: new Date(Date.parse("2026-11-20T03:07:13.000Z") + index * 1000).toISOString(),
    by,
    kind,
    data: data as unknown as Event["data"],
  }));
}

const cleared: IncidentEvent = { kind: "incident.finding-cleared", data: { code: down.code, subject: down.subject } };

describe("the fold of an incident", () => {
  it("opens with its findings, the outage's start and the moment it was noticed", () => {
    const state = incidentState(eventsOf([opened]));
    assert.equal(state.id, "20261120-0307-ledger");
    assert.equal(state.status, "open");
    assert.deepEqual(state.open, [down]);
    assert.equal(state.times.outageStart, "2026-11-20T03:07:12.333Z");
    assert.equal(state.times.noticedAt, down.seenAt);
    assert.equal(state.version, 1);
    assert.equal(state.firstPosition, 11);
  });

  it("goes open, mitigated, resolved, and keeps each instant", () => {
    const state = incidentState(
      eventsOf([
        opened,
        { kind: "incident.acknowledged", data: { who: "ada" } },
        cleared,
        { kind: "incident.mitigated", data: { how: "by itself" } },
        { kind: "incident.recovered", data: { summary: "nothing was lost" } },
        { kind: "incident.resolved", data: { resolution: "the disk was replaced" } },
      ]),
    );
    assert.equal(state.status, "resolved");
    assert.deepEqual(state.open, []);
    assert.deepEqual(state.past, [{ finding: down, clearedAt: "2026-11-20T03:07:15.000Z" }]);
    assert.equal(state.times.acknowledgedAt, "2026-11-20T03:07:14.000Z");
    assert.equal(state.times.mitigatedAt, "2026-11-20T03:07:16.000Z");
    assert.equal(state.times.recoveredAt, "2026-11-20T03:07:17.000Z");
    assert.equal(state.times.resolvedAt, "2026-11-20T03:07:18.000Z");
    assert.deepEqual(state.outages, [{ from: "2026-11-20T03:07:12.333Z", to: "2026-11-20T03:07:16.000Z" }]);
    assert.equal(state.resolution, "the disk was replaced");
  });

  it("is open again after a recurrence, and counts two outages", () => {
    const again = { ...down, seenAt: "2026-11-20T03:07:16.500Z", lastGoodAt: "2026-11-20T03:07:16.400Z" };
    const state = incidentState(
      eventsOf([
        opened,
        { kind: "incident.acknowledged", data: { who: "ada" } },
        cleared,
        { kind: "incident.mitigated", data: { how: "by itself" } },
        { kind: "incident.recurred", data: { findings: [again] } },
      ]),
    );
    assert.equal(state.status, "open");
    assert.equal(state.times.mitigatedAt, null);
    assert.equal(state.times.acknowledgedAt, "2026-11-20T03:07:14.000Z");
    assert.equal(state.times.outageStart, "2026-11-20T03:07:12.333Z");
    assert.deepEqual(state.outages, [
      { from: "2026-11-20T03:07:12.333Z", to: "2026-11-20T03:07:16.000Z" },
      { from: "2026-11-20T03:07:16.400Z", to: null },
    ]);
  });

  it("moves the outage's start back for a critical finding only, and only for the first outage", () => {
    const service: Finding = {
      ...down,
      code: "service.down",
      subject: { kind: "service", name: "api" },
      lastGoodAt: "2026-11-20T03:07:10.000Z",
    };
    const raised = (finding: Finding): IncidentEvent => ({ kind: "incident.finding-raised", data: { finding } });
    assert.equal(incidentState(eventsOf([opened, raised(lag)])).times.outageStart, down.lastGoodAt);
    assert.equal(incidentState(eventsOf([opened, raised(service)])).times.outageStart, service.lastGoodAt);
    const later = eventsOf([
      opened,
      { kind: "incident.mitigated", data: { how: "by itself" } },
      { kind: "incident.recurred", data: { findings: [down] } },
      raised(service),
    ]);
    assert.equal(incidentState(later).times.outageStart, down.lastGoodAt);
  });

  it("raises a finding again in place of the one from before", () => {
    const warning = { ...down, severity: "warning" as const };
    const state = incidentState(eventsOf([opened, { kind: "incident.finding-raised", data: { finding: warning } }]));
    assert.deepEqual(state.open, [warning]);
  });

  it("passes a role on to whoever gets it last", () => {
    const state = incidentState(
      eventsOf([
        opened,
        { kind: "incident.acknowledged", data: { who: "ada" } },
        { kind: "incident.assigned", data: { who: "bob", role: "commander" } },
        { kind: "incident.assigned", data: { who: "ada", role: "commander" } },
      ]),
    );
    assert.deepEqual(
      state.people.map(({ who, roles }) => ({ who, roles })),
      [
        { who: "ada", roles: ["responder", "commander"] },
        { who: "bob", roles: [] },
      ],
    );
  });

  it("keeps hypotheses with the evidence for and against, and what became of them", () => {
    const state = incidentState(
      eventsOf([
        opened,
        { kind: "incident.hypothesis-raised", data: { hypothesis: "h1", text: "the network" } },
        { kind: "incident.hypothesis-raised", data: { hypothesis: "h2", text: "the disk" } },
        { kind: "incident.hypothesis-evidence", data: { hypothesis: "h2", for: true, text: "I/O errors" } },
        { kind: "incident.hypothesis-ruled-out", data: { hypothesis: "h1", evidence: "ping works" } },
        { kind: "incident.hypothesis-confirmed", data: { hypothesis: "h2", evidence: "smartctl" } },
      ]),
    );
    assert.deepEqual(
      state.hypotheses.map((h) => [h.id, h.state, h.evidence.map((e) => [e.for, e.text])]),
      [
        ["h1", "ruled-out", [[false, "ping works"]]],
        [
          "h2",
          "confirmed",
          [
            [true, "I/O errors"],
            [true, "smartctl"],
          ],
        ],
      ],
    );
  });

  it("ends a plan that was proposed, and one that nobody proposed", () => {
    const end = (plan: string): IncidentEvent => ({
      kind: "incident.plan-ended",
      data: { plan, planKind: "failover", outcome: "done", state: "pg2 is primary" },
    });
    const state = incidentState(
      eventsOf([
        opened,
        { kind: "incident.plan-proposed", data: { plan: "failover-1", planKind: "failover", title: "Promote pg2" } },
        end("failover-1"),
        end("failover-2"),
      ]),
    );
    assert.deepEqual(
      state.plans.map((plan) => [plan.plan, plan.title, plan.ended?.outcome]),
      [
        ["failover-1", "Promote pg2", "done"],
        ["failover-2", "failover", "done"],
      ],
    );
  });

  it("passes over a kind it does not know, and refuses a stream that no incident begins", () => {
    const strange = { kind: "incident.sung", data: {} } as unknown as IncidentEvent;
    assert.equal(incidentState(eventsOf([opened, strange])).version, 2);
    assert.throws(() => incidentState(eventsOf([cleared])), /begins with incident.finding-cleared/);
    assert.throws(() => incidentState([]), /empty/);
    assert.throws(() => incidentState(eventsOf([opened, opened])), /opened twice/);
  });
});

describe("finding an incident", () => {
  async function three() {
    const timeline = memoryTimeline();
    for (const id of ["20261120-0307-ledger", "20261120-0411-orders", "20261121-0000-ledger"])
      await timeline.append(`incident/${id}`, 0, [{ ...opened, by: "watch", data: opened.data as never }]);
    return timeline;
  }

  it("lists the newest first", async () => {
    const timeline = await three();
    assert.deepEqual(
      (await listIncidents(timeline)).map((incident) => incident.id),
      ["20261121-0000-ledger", "20261120-0411-orders", "20261120-0307-ledger"],
    );
  });

  it("takes the whole id, an unmistakable beginning, or latest", async () => {
    const timeline = await three();
    assert.equal((await findIncident(timeline, "20261120-0411-orders")).id, "20261120-0411-orders");
    assert.equal((await findIncident(timeline, "20261120-03")).id, "20261120-0307-ledger");
    assert.equal((await findIncident(timeline, "latest")).id, "20261121-0000-ledger");
  });

  it("names the nearest for a slip, and the candidates for an ambiguous beginning", async () => {
    const timeline = await three();
    await assert.rejects(findIncident(timeline, "20261120-0311-ledger"), (error: BlackstartError) => {
      assert.equal(error.code, "UNKNOWN_NAME");
      assert.match(`${error.message} ${error.next}`, /20261120-0307-ledger/);
      return true;
    });
    await assert.rejects(findIncident(timeline, "20261120"), (error: BlackstartError) => {
      assert.deepEqual(error.details.candidates, ["20261120-0307-ledger", "20261120-0411-orders"]);
      return true;
    });
    await assert.rejects(findIncident(timeline, ""), { code: "UNKNOWN_NAME" });
    await assert.rejects(findIncident(memoryTimeline(), "latest"), { code: "UNKNOWN_NAME" });
  });
});

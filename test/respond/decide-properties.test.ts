import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import type { FindingsChange } from "../../src/finding/change.ts";
import { type Finding, findingKey, refText } from "../../src/finding/finding.ts";
import { decide } from "../../src/respond/decide.ts";
import { applyIncidentEvent, type IncidentState } from "../../src/timeline/incident-fold.ts";
import { at, finding, system } from "./world.ts";

const subjects = [
  "node:ledger/pg1",
  "node:ledger/pg2",
  "cluster:ledger",
  "cluster:archive",
  "node:archive/old1",
  "cache:balances",
  "service:api",
  "service:web",
  "service:reports",
  "invariant:debit-credit",
  "system:payments",
  "service:unheard-of",
];
const someFinding = fc
  .record({
    code: fc.constantFrom("a", "b"),
    subject: fc.constantFrom(...subjects),
    severity: fc.constantFrom("critical" as const, "critical" as const, "warning" as const, "info" as const),
    title: fc.constantFrom("one", "other"),
    remedy: fc.constantFrom(
      {},
      { remedy: { kind: "restart", subject: { kind: "node", name: "ledger/pg1" } } as const },
    ),
  })
  .map(({ code, subject, severity, title, remedy }) => finding(code, subject, { severity, title, ...remedy }));
const someStep = fc.record({
  raised: fc.array(someFinding, { maxLength: 4 }),
  /** Of what is open: which clear, by their place modulo their number. */
  cleared: fc.array(fc.nat(30), { maxLength: 4 }),
  seconds: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(1200)),
  resolve: fc.boolean(),
});

it("keeps the incidents true to what is wrong, whatever changes", () => {
  fc.assert(
    fc.property(fc.array(someStep, { maxLength: 25 }), (steps) => {
      const world = new Map<string, Finding>();
      let incidents: readonly IncidentState[] = [];
      let seconds = 0;
      for (const step of steps) {
        seconds += step.seconds;
        const open = [...world.values()];
        const gone = open.length === 0 ? [] : step.cleared.map((index) => open[index % open.length] as Finding);
        const change: FindingsChange = { at: at(seconds), raised: step.raised, cleared: gone };
        for (const { code, subject } of gone) world.delete(findingKey({ code, subject }));
        for (const one of step.raised) world.set(findingKey(one), one);
        incidents = carryOut(incidents, change, seconds);
        assertTrue(incidents, world);
        assert.deepEqual(carryOut(incidents, change, seconds), incidents, "the same change again means nothing");
        if (step.resolve) incidents = incidents.map((incident) => resolved(incident, seconds));
      }
    }),
    { numRuns: 1000, examples: [[named]] },
  );
});

/** Seen to fail: what ends the incident gives it another name, and only under that the cache is its concern. */
const named = [
  { raised: [finding("a", "node:ledger/pg1", { title: "other" })], cleared: [], seconds: 1200, resolve: false },
  { raised: [finding("b", "service:api", { title: "one" })], cleared: [], seconds: 0, resolve: false },
  {
    raised: [
      finding("a", "cache:balances", { severity: "warning", title: "one" }),
      finding("b", "service:api", { severity: "info", title: "one" }),
    ],
    cleared: [0],
    seconds: 1200,
    resolve: false,
  },
];

function carryOut(incidents: readonly IncidentState[], change: FindingsChange, seconds: number) {
  const byId = new Map(incidents.map((incident) => [incident.id, incident]));
  for (const { incident, expectedVersion, events } of decide(incidents, change, {
    system,
    now: at(seconds),
    plans: [],
  })) {
    let state = byId.get(incident);
    assert.equal(expectedVersion, state?.version ?? 0);
    for (const event of events) state = applied(state, incident, event, seconds);
    byId.set(incident, state as IncidentState);
  }
  return [...byId.values()];
}

function applied(state: IncidentState | undefined, id: string, event: object, seconds: number): IncidentState {
  const position = (state?.lastPosition ?? 0) + 1;
  const stored = {
    stream: `incident/${id}`,
    version: (state?.version ?? 0) + 1,
    position,
    at: at(seconds),
    by: "watch",
  };
  return applyIncidentEvent(state, { ...stored, ...(event as { kind: string; data: never }) });
}

/** As a person would: only what is mitigated. */
function resolved(incident: IncidentState, seconds: number): IncidentState {
  if (incident.status !== "mitigated") return incident;
  return applied(incident, incident.id, { kind: "incident.resolved", data: { resolution: "done" } }, seconds);
}

function assertTrue(incidents: readonly IncidentState[], world: ReadonlyMap<string, Finding>): void {
  const open = incidents.filter((incident) => incident.status === "open");
  for (const incident of incidents) {
    const grave = incident.open.some(
      ({ severity, subject, remedy }) =>
        severity === "critical" ||
        (incident.severity === "warning" && severity === "warning" && subject.kind === "node" && remedy !== undefined),
    );
    assert.equal(incident.status === "open", grave, `${incident.id} is ${incident.status}`);
    for (const one of incident.open)
      assert.equal(
        world.get(findingKey(one))?.severity,
        one.severity,
        `${findingKey(one)} is open and not in the world`,
      );
  }
  for (const one of world.values()) {
    const holders = incidents.filter((incident) => incident.open.some((held) => findingKey(held) === findingKey(one)));
    assert.ok(holders.length <= 1, `${findingKey(one)} is open in ${holders.length} incidents`);
    if (one.severity === "critical")
      assert.equal(holders[0]?.status, "open", `${findingKey(one)} has no open incident`);
  }
  const about = open.map(({ subject }) => refText(subject));
  assert.equal(new Set(about).size, about.length, `two are open about the same: ${about.join(", ")}`);
}

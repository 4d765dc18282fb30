import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BlackstartError } from "../../src/base/error.ts";
import { noteOnIncident } from "../../src/respond/actions/note.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { openFindings } from "../../src/timeline/finding-record.ts";
import { findIncident, listIncidents } from "../../src/timeline/incident-state.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Timeline } from "../../src/timeline/timeline.ts";
import { withFolder } from "../support/folder.ts";
import { type MemoryTimeline, memoryTimeline } from "./memory-timeline.ts";
import { at, cleared, finding, raised, system } from "./world.ts";

const down = finding("node.down", "node:ledger/pg1", { lastGoodAt: at(-1) });
const api = finding("service.down", "service:api");
const lag = finding("replication.lag", "node:ledger/pg3", { severity: "warning" });

/** A clock that is put forward by hand. */
function clockAt(seconds = 0) {
  let now = seconds;
  return { now: () => at(now), monotonicMs: () => now * 1000, forward: (by: number) => void (now += by) };
}

function kinds(timeline: MemoryTimeline, prefix: string): string[] {
  return timeline.events.filter(({ stream }) => stream.startsWith(prefix)).map(({ kind }) => kind);
}

async function record(timeline: Timeline) {
  return [...openFindings(await timeline.read({ stream: "watch/payments" })).keys()];
}

describe("the responder", () => {
  it("records everything, and opens an incident for what is critical", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    await responder.take(raised(lag));
    await responder.take(raised(down));
    await responder.take(cleared(down, lag));
    assert.deepEqual(kinds(timeline, "watch/payments"), [
      "finding.raised",
      "finding.raised",
      "finding.cleared",
      "finding.cleared",
    ]);
    assert.deepEqual(kinds(timeline, "incident/"), [
      "incident.opened",
      "incident.finding-cleared",
      "incident.mitigated",
    ]);
    assert.deepEqual(await record(timeline), []);
    assert.ok(timeline.events.every(({ by }) => by === "watch"));
  });

  it("appends to the incident and to the record at once, not one after the other", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    const gates: (() => void)[] = [];
    timeline.before = () => new Promise<void>((resolve) => void gates.push(resolve));
    const done = responder.take(raised(down));
    while (gates.length < 2) await new Promise(setImmediate); // both wait: neither waited for the other
    for (const open of gates) open();
    await done;
    assert.equal(timeline.events.length, 2);
  });

  it("works changes off in the order in which they came", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    await Promise.all([
      responder.take(raised(down)),
      responder.take(raised(api)),
      responder.take(cleared(down)),
      responder.take(cleared(api)),
    ]);
    const state = await findIncident(timeline, "latest");
    assert.equal(state.status, "mitigated");
    assert.deepEqual(state.open, []);
  });

  it("decides again when another process was faster", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    await responder.take(raised(down));
    timeline.before = async (stream) => {
      if (!stream.startsWith("incident/")) return;
      timeline.before = undefined;
      await noteOnIncident({ timeline, by: "person:ada" }, "latest", "I look");
    };
    await responder.take(cleared(down));
    assert.deepEqual(kinds(timeline, "incident/"), [
      "incident.opened",
      "incident.noted",
      "incident.finding-cleared",
      "incident.mitigated",
    ]);
    assert.equal(kinds(timeline, "watch/").length, 2, "the record is not written twice");
  });

  it("opens no second incident when another process opened one for the same in the same moment", async () => {
    const timeline = memoryTimeline();
    const [one, other] = [0, 0].map(() => createResponder({ system, timeline, clock: clockAt() }));
    await Promise.all([one?.take(raised(down)), other?.take(raised(down))]);
    assert.equal((await listIncidents(timeline)).length, 1);
  });

  it("gives up with the conflict when others are faster again and again", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    await responder.take(raised(down));
    timeline.before = (stream) => {
      if (stream.startsWith("incident/"))
        throw new BlackstartError("VERSION_CONFLICT", { what: "stale", why: "a rival", next: "again" });
    };
    await assert.rejects(responder.take(cleared(down)), { code: "VERSION_CONFLICT" });
  });

  it("tells when the store fails, and makes it good with the next reconcile", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    timeline.before = () => {
      throw new BlackstartError("STORE_UNUSABLE", { what: "disk full", why: "no space", next: "free some" });
    };
    await assert.rejects(responder.take(raised(down)), { code: "STORE_UNUSABLE" });
    timeline.before = undefined;
    await responder.reconcile([down]);
    assert.equal((await findIncident(timeline, "latest")).status, "open");
    assert.deepEqual(await record(timeline), ["node.down node:ledger/pg1"]);
  });

  it("makes good what was written by half: the record, but not the incident", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    timeline.before = (stream) => {
      if (stream.startsWith("incident/"))
        throw new BlackstartError("STORE_UNUSABLE", { what: "disk full", why: "no space", next: "free some" });
    };
    await assert.rejects(responder.take(raised(down)), { code: "STORE_UNUSABLE" });
    timeline.before = undefined;
    await createResponder({ system, timeline, clock: clockAt() }).reconcile([down]);
    assert.equal((await findIncident(timeline, "latest")).status, "open");
    assert.equal(kinds(timeline, "watch/").length, 1);
  });

  it("after a restart raises nothing twice, clears what is gone, and opens what is new", async () => {
    const timeline = memoryTimeline();
    const clock = clockAt();
    await createResponder({ system, timeline, clock }).take(raised(down, api, lag));
    const before = timeline.events.length;
    clock.forward(3600);

    const restarted = createResponder({ system, timeline, clock });
    await restarted.take(raised({ ...down, seenAt: at(3600) }, lag));
    await restarted.reconcile([down, api, lag]);
    assert.equal(timeline.events.length, before, "nothing has changed, so nothing is said");

    const again = createResponder({ system, timeline, clock });
    await again.reconcile([lag]);
    assert.equal((await findIncident(timeline, "latest")).status, "mitigated");
    assert.deepEqual(await record(timeline), ["replication.lag node:ledger/pg3"]);
    assert.equal((await listIncidents(timeline)).length, 1);
  });

  it("does not clear, after a restart, what an act found and the watch never saw", async () => {
    const timeline = memoryTimeline();
    const clock = clockAt();
    await createResponder({ system, timeline, clock }).take(raised(down));
    const violated = finding("invariant.violated", "invariant:debit-credit");
    const data = { finding: JSON.parse(JSON.stringify(violated)) };
    const stream = "incident/20261120-0307-ledger";
    await timeline.append(stream, 1, [{ kind: "incident.finding-raised", by: "person:ada", data }]);
    await createResponder({ system, timeline, clock }).reconcile([]);
    const state = await findIncident(timeline, "latest");
    assert.deepEqual(
      state.open.map(({ code }) => code),
      ["invariant.violated"],
    );
  });

  it("pages nobody twice for what flaps, across restarts", async () => {
    const timeline = memoryTimeline();
    const clock = clockAt();
    for (let turn = 0; turn < 20; turn += 1) {
      const responder = createResponder({ system, timeline, clock });
      await responder.take(raised(down));
      clock.forward(30);
      await responder.take(cleared(down));
      clock.forward(30);
    }
    assert.equal(kinds(timeline, "incident/").filter((kind) => kind === "incident.opened").length, 1);
    assert.equal((await findIncident(timeline, "latest")).outages.length, 20);
  });

  it("names the plan that ended in between as what mitigated it", async () => {
    const timeline = memoryTimeline();
    const clock = clockAt();
    timeline.now = clock.now;
    const responder = createResponder({ system, timeline, clock });
    await responder.take(raised(down));
    clock.forward(1);
    const plan = { id: "failover-ledger-1", kind: "failover", subject: { kind: "cluster", name: "ledger" } };
    await timeline.append("plan/failover-ledger-1", 0, [
      { kind: "plan.stored", by: "auto", data: { plan } },
      { kind: "plan.started", by: "executor", data: { token: 1, executor: "x" } },
      { kind: "plan.finished", by: "executor", data: { outcome: "done" } },
    ]);
    clock.forward(1);
    await responder.take(cleared(down));
    assert.equal((await findIncident(timeline, "latest")).mitigation, "by plan failover-ledger-1 (failover)");
  });

  it("refuses to let more wait than fits", async () => {
    const timeline = memoryTimeline();
    const responder = createResponder({ system, timeline, clock: clockAt() });
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    timeline.before = () => gate;
    const takes = Array.from({ length: 1100 }, () => responder.take(raised(down)));
    open();
    const results = await Promise.allSettled(takes);
    const refused = results.filter((result) => result.status === "rejected");
    assert.ok(refused.length > 0);
    assert.equal((refused[0] as PromiseRejectedResult).reason.code, "STORE_UNUSABLE");
    assert.equal(timeline.events.length, 2);
  });

  it("does all this on the real store, and leaves nothing out that a store refuses", async () => {
    await withFolder(async (folder) => {
      const timeline = await openSqliteTimeline(`${folder}/timeline.db`);
      try {
        const responder = createResponder({ system, timeline });
        await responder.take(raised({ ...down, remedy: undefined, lastGoodAt: undefined } as never));
        await responder.take(cleared(down));
        assert.equal((await findIncident(timeline, "latest")).status, "mitigated");
      } finally {
        await timeline.close();
      }
    });
  });
});
